package results

import (
	"cmp"
	"slices"
	"strings"
)

// Fact is something known about a file: its host, its power source, its idle
// figures. It is written as the comment "# key: value".
type Fact struct {
	Key   string // letters, digits and dashes, the first one a small letter
	Value string // one line
}

// Keys of facts that the package itself reads.
const (
	KeyHost   = "host"   // the machine, in words
	KeySource = "source" // where the figures come from

	// The values of these start with a name: "GPU: no driver found".
	KeyAbsent   = "absent"   // an engine that was not raced, and why
	KeySkipped  = "skipped"  // a workload that was not run, and why
	KeyWorkload = "workload" // a note on a workload

	// These belong to the benchmark line below them.
	keyFlags = "flags"
	keyNote  = "note"
)

// Published is how the source of the paper's own figures starts.
const Published = "published"

const flagSep = "; "

// Named is a fact about a name, such as an absent engine with its reason.
func Named(key, name, text string) Fact { return Fact{key, name + ": " + text} }

// line is the fact as a comment line; line breaks in it become spaces.
func (f Fact) line() string {
	value := strings.TrimSpace(strings.NewReplacer("\r\n", " ", "\n", " ", "\r", " ").Replace(f.Value))
	return strings.TrimRight("# "+f.Key+": "+value, " ") + "\n"
}

// parseFact reads a comment line; ok is false for free text.
func parseFact(line string) (f Fact, ok bool) {
	rest, ok := strings.CutPrefix(line, "# ")
	if !ok {
		return Fact{}, false
	}
	key, value, ok := strings.Cut(rest, ":")
	if !ok || !isFactKey(key) {
		return Fact{}, false
	}
	return Fact{key, strings.TrimSpace(value)}, true
}

func isFactKey(key string) bool {
	if key == "" || key[0] < 'a' || key[0] > 'z' {
		return false
	}
	return !strings.ContainsFunc(key, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-')
	})
}

// Header is the head of a results file: the configuration line, what
// benchstat should know about the units, and the facts.
//
// A published figure is the only one there is, so where the source is
// [Published] every unit is declared exact: benchstat then shows the
// difference of two hosts instead of asking for six samples.
func Header(facts []Fact) string {
	exact := slices.ContainsFunc(facts, func(f Fact) bool {
		return f.Key == KeySource && strings.HasPrefix(f.Value, Published)
	})
	var b strings.Builder
	b.WriteString("pkg: devicemap\n")
	for _, u := range Units {
		attributes := ""
		if u.Better != "" {
			attributes += " better=" + u.Better
		}
		if u.Exact || exact {
			attributes += " assume=exact"
		}
		if attributes != "" {
			b.WriteString("Unit " + u.Name + attributes + "\n")
		}
	}
	b.WriteString(Comments(facts))
	return b.String()
}

// Comments spells facts as the comment lines that they are in a file.
func Comments(facts []Fact) string {
	var b strings.Builder
	for _, f := range facts {
		b.WriteString(f.line())
	}
	return b.String()
}

// Fact returns the last value of a key: a later run in the same file corrects
// an earlier one.
func (f *File) Fact(key string) (value string, ok bool) {
	for _, fact := range slices.Backward(f.Facts) {
		if fact.Key == key {
			return fact.Value, true
		}
	}
	return "", false
}

// Named returns the facts of a key whose values start with a name, the last
// one of each name, in the order of first mention.
func (f *File) Named(key string) []KeyValue {
	var out []KeyValue
	for _, fact := range f.Facts {
		if fact.Key != key {
			continue
		}
		name, text, _ := strings.Cut(fact.Value, ":")
		kv := KeyValue{name, strings.TrimSpace(text)}
		if i := slices.IndexFunc(out, func(o KeyValue) bool { return o.Key == name }); i >= 0 {
			out[i] = kv
		} else {
			out = append(out, kv)
		}
	}
	return out
}

// IsPublished reports whether the file holds the paper's own figures.
func (f *File) IsPublished() bool {
	source, _ := f.Fact(KeySource)
	return strings.HasPrefix(source, Published)
}

// Host is what to call the file's machine.
func (f *File) Host() string {
	host, _ := f.Fact(KeyHost)
	chip, _ := f.Fact("chip")
	cpu, _ := f.Fact("cpu")
	return cmp.Or(host, chip, cpu, "host not named")
}
