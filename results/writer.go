package results

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"syscall"
)

// Writer appends finished arms to a results file. Each row is on the disk
// when Write returns, so that a crash loses at most the arm in progress.
// A Writer is used by one goroutine at a time.
type Writer struct {
	f     *os.File
	start int64  // where this run's text begins
	parts []part // this run's text so far
}

// part is a piece of text that was written; row is nil where it is no row.
type part struct {
	text string
	row  *Row
}

// Create opens the file at path for appending and writes its header, or only
// the facts where the file holds rows already. It fails before anything is
// measured if the file cannot be written or holds published figures.
func Create(path string, facts []Fact) (*Writer, error) {
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, unwritable(path, err)
	}
	text := Header(facts) + "\n"
	if len(bytes.TrimSpace(old)) > 0 {
		if err := ours(old, path); err != nil {
			return nil, err
		}
		text = "\n" + Comments(facts)
		if old[len(old)-1] != '\n' {
			text = "\n" + text // the last line was cut short; keep ours whole
		}
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, unwritable(path, err)
	}
	w := &Writer{f: f, start: int64(len(old))}
	if err := w.append(text, nil); err != nil {
		f.Close()
		return nil, err
	}
	return w, nil
}

// ours refuses to add to published figures.
func ours(old []byte, path string) error {
	f, err := parse(old, path)
	if errors.Is(err, ErrEmpty) {
		return nil // a header without rows: an earlier run that was broken off
	}
	if err != nil {
		return err
	}
	if f.IsPublished() {
		return fmt.Errorf("results: %s holds published figures, which are never added to; choose another file", path)
	}
	return nil
}

func unwritable(path string, err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return fmt.Errorf("results: cannot write %s: %w; choose another file or make its folder writable", path, err)
}

// Write appends one row with its comments.
func (w *Writer) Write(r Row) error {
	text, err := r.text()
	if err != nil {
		return err
	}
	return w.append(text, &r)
}

// Note appends a fact that became known after the file was opened.
func (w *Writer) Note(f Fact) error { return w.append(f.line(), nil) }

func (w *Writer) append(text string, row *Row) error {
	if _, err := io.WriteString(w.f, text); err != nil {
		return unwritable(w.f.Name(), err)
	}
	// A pipe or a terminal cannot be synced and needs no sync.
	if err := w.f.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return unwritable(w.f.Name(), err)
	}
	w.parts = append(w.parts, part{text, row})
	return nil
}

// Close closes the file.
func (w *Writer) Close() error { return w.f.Close() }

// Encode writes a whole file: header, then the rows of the device map in the
// order of [Workloads], each workload below its note, then those of every
// other benchmark in the order of the file.
func (f *File) Encode(w io.Writer) error {
	var head []Fact
	for _, fact := range f.Facts {
		if fact.Key != KeyWorkload && fact.Key != KeySkipped {
			head = append(head, fact)
		}
	}
	var b bytes.Buffer
	b.WriteString(Header(head))
	noted := map[string]bool{}
	for _, g := range f.groups() {
		b.WriteByte('\n')
		if g.workload != "" && !noted[g.workload] {
			noted[g.workload] = true
			b.WriteString(f.notes(g.workload))
		}
		for i := range f.Rows {
			if r := &f.Rows[i]; g != groupOf(r) {
				continue
			}
			text, err := f.Rows[i].text()
			if err != nil {
				return err
			}
			b.WriteString(text)
		}
	}
	_, err := w.Write(b.Bytes())
	return err
}

// group is a block of rows in a file.
type group struct{ bench, workload string }

func groupOf(r *Row) group { return group{cmp.Or(r.Bench, MapBench), r.Workload} }

// groups lists the blocks of a file: the device map's in published order, also
// those of workloads that have a note and no rows, then the others.
func (f *File) groups() []group {
	var list []group
	add := func(g group) {
		if !slices.Contains(list, g) {
			list = append(list, g)
		}
	}
	for i := range f.Rows {
		add(groupOf(&f.Rows[i]))
	}
	for _, key := range []string{KeyWorkload, KeySkipped} {
		for _, kv := range f.Named(key) {
			if !slices.ContainsFunc(list, func(g group) bool { return g.workload == kv.Key }) {
				add(group{MapBench, kv.Key})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b group) int {
		switch inA, inB := a.bench == MapBench, b.bench == MapBench; {
		case inA && inB:
			return workloadRank(a.workload) - workloadRank(b.workload)
		case inA:
			return -1
		case inB:
			return 1
		}
		return 0
	})
	return list
}

// notes are the comment lines about a workload.
func (f *File) notes(workload string) string {
	text := ""
	for _, key := range []string{KeyWorkload, KeySkipped} {
		for _, kv := range f.Named(key) {
			if kv.Key == workload {
				text += Named(key, workload, kv.Value).line()
			}
		}
	}
	return text
}

// Join is one file of several about the same host: the facts and rows of all,
// a repeated fact once.
func Join(files ...*File) *File {
	all := &File{}
	for _, f := range files {
		if all.Name == "" {
			all.Name = f.Name
		}
		for _, fact := range f.Facts {
			if !slices.Contains(all.Facts, fact) {
				all.Facts = append(all.Facts, fact)
			}
		}
		all.Rows = append(all.Rows, f.Rows...)
	}
	return all
}
