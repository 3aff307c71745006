package results

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/perf/benchfmt"
)

// ErrEmpty: the file holds no benchmark line.
var ErrEmpty = errors.New("no benchmark lines")

// maxLine is the longest line that benchfmt reads.
const maxLine = 64 << 10

// File is a results file. Rows stand in file order; a row that was run
// several times stands there as often (see [File.Arms]).
type File struct {
	Name     string
	Facts    []Fact
	Rows     []Row
	Warnings []Warning // malformed lines; reading went on

	factLines []int // where the facts were read; used while there are as many
}

// Warning is a doubt about one line of a file.
type Warning struct {
	File string
	Line int
	Text string
}

func (w Warning) String() string { return fmt.Sprintf("%s:%d: %s", w.File, w.Line, w.Text) }

// Load reads the results file at path.
func Load(path string) (*File, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("results: cannot read: %w", err)
	}
	return parse(data, path)
}

// Read reads a results file, or the output of go test -bench. name is used in
// warnings and errors. A file without any row is an [ErrEmpty].
func Read(r io.Reader, name string) (*File, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("results: %s: cannot read: %w", name, err)
	}
	return parse(data, name)
}

func parse(data []byte, name string) (*File, error) {
	p := &parser{file: &File{Name: name}}
	p.split(data)
	records := benchfmt.NewReader(bytes.NewReader(bytes.Join(p.lines, []byte("\n"))), name)
	for records.Scan() {
		_, line := records.Result().Pos()
		p.comments(line)
		switch rec := records.Result().(type) {
		case *benchfmt.SyntaxError:
			p.warn(rec.Line, "line ignored: "+rec.Msg)
			p.flags, p.note = nil, ""
		case *benchfmt.Result:
			p.row(rec, line)
		}
	}
	if err := records.Err(); err != nil {
		return nil, fmt.Errorf("results: %w", err)
	}
	p.comments(len(p.lines))
	slices.SortStableFunc(p.file.Warnings, func(a, b Warning) int { return a.Line - b.Line })
	if len(p.file.Rows) == 0 {
		err := fmt.Errorf("results: %s: %w; a results file is written by go test -bench DeviceMap", name, ErrEmpty)
		if len(p.file.Warnings) > 0 {
			err = fmt.Errorf("%w (first malformed line: %s)", err, p.file.Warnings[0])
		}
		return nil, err
	}
	return p.file, nil
}

// parser walks the comments beside benchfmt, which skips them.
type parser struct {
	file  *File
	lines [][]byte
	next  int // lines[:next] have had their comments read

	flags []string // waiting for the benchmark line below them
	note  string
}

// split cuts data into lines, blanks those that benchfmt would stop at and
// points out a last line that may have been cut short.
func (p *parser) split(data []byte) {
	p.lines = bytes.Split(data, []byte("\n"))
	for i, line := range p.lines {
		if len(line) >= maxLine {
			p.warn(i+1, fmt.Sprintf("line of %d bytes ignored: longer than %d", len(line), maxLine-1))
			p.lines[i] = nil
		}
	}
	if last := len(p.lines); bytes.HasPrefix(p.lines[last-1], []byte("Benchmark")) {
		p.warn(last, "last line has no line break; it may be cut short")
	}
}

func (p *parser) warn(line int, text string) {
	p.file.Warnings = append(p.file.Warnings, Warning{p.file.Name, line, text})
}

// comments reads the comment lines above line (1-based).
func (p *parser) comments(line int) {
	for ; p.next < line; p.next++ {
		fact, ok := parseFact(strings.TrimSuffix(string(p.lines[p.next]), "\r"))
		switch {
		case !ok:
		case fact.Key == keyFlags:
			p.flags = splitFlags(fact.Value)
		case fact.Key == keyNote:
			p.note = fact.Value
		default:
			p.fact(fact, p.next+1)
		}
	}
}

func (p *parser) fact(f Fact, line int) {
	p.file.Facts = append(p.file.Facts, f)
	p.file.factLines = append(p.file.factLines, line)
}

func splitFlags(list string) []string {
	var flags []string
	for flag := range strings.SplitSeq(list, strings.TrimSpace(flagSep)) {
		if flag = strings.TrimSpace(flag); flag != "" {
			flags = append(flags, flag)
		}
	}
	return flags
}

// row takes over one benchmark line.
func (p *parser) row(rec *benchfmt.Result, line int) {
	r := Row{Iters: rec.Iters, Flags: p.flags, Note: p.note, Line: line}
	p.flags, p.note = nil, ""
	base, parts := rec.Name.Parts()
	r.Bench = string(base)
	for _, part := range parts {
		r.key(string(part))
	}
	if r.Bench == MapBench && (r.Workload == "" || r.Device == "") {
		p.warn(line, "the name has no workload or no device key; the map cannot show this row")
	}
	// name, iterations, then value and unit in turn
	fields := strings.Fields(string(p.lines[line-1]))
	for i, v := range rec.Values {
		unit := cmp.Or(v.OrigUnit, v.Unit)
		m, err := parseMetric(fields[2+2*i], unit)
		if err != nil {
			p.warn(line, err.Error())
			continue
		}
		if _, twice := r.metric(unit); twice {
			p.warn(line, unit+" is given twice; the first value holds")
			continue
		}
		r.Metrics = append(r.Metrics, m)
	}
	for _, c := range rec.Config {
		fact := Fact{c.Key, string(c.Value)}
		if fact.Key == "pkg" {
			if fact.Value != pkgName {
				r.foreign = fact.Value
			}
		} else if !slices.Contains(p.file.Facts, fact) {
			p.fact(fact, line)
		}
	}
	p.file.Rows = append(p.file.Rows, r)
}

// parseMetric takes the number as it is written, not benchfmt's value, which
// is rescaled to base units.
func parseMetric(text, unit string) (Metric, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return Metric{}, fmt.Errorf("%s is %.40s, taken as not measured", unit, text)
	}
	return Metric{v, unit, text}, nil
}

// key takes over one part of the name: "/device=ANE", "/label" or "-8".
func (r *Row) key(part string) {
	if part[0] == '-' {
		return // GOMAXPROCS says nothing about an arm
	}
	key, value, ok := strings.Cut(part[1:], "=")
	if !ok {
		key, value = "", part[1:]
	}
	for _, known := range []struct {
		key  string
		cell *string
	}{{"workload", &r.Workload}, {"weights", &r.Weights}, {"device", &r.Device}, {"dtype", &r.DType}} {
		if key == known.key && *known.cell == "" {
			*known.cell = value
			return
		}
	}
	r.Extra = append(r.Extra, KeyValue{key, value})
}
