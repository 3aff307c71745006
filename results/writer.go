package results

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// Writer appends finished arms to a results file. Each row is on the disk
// when Write returns, so that a crash loses at most the arm in progress.
// A Writer is used by one goroutine at a time.
type Writer struct {
	f *os.File
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
	w := &Writer{f}
	if err := w.append(text); err != nil {
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
	return w.append(text)
}

// Note appends a fact that became known after the file was opened.
func (w *Writer) Note(f Fact) error { return w.append(f.line()) }

func (w *Writer) append(text string) error {
	if _, err := io.WriteString(w.f, text); err != nil {
		return unwritable(w.f.Name(), err)
	}
	// A pipe or a terminal cannot be synced and needs no sync.
	if err := w.f.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return unwritable(w.f.Name(), err)
	}
	return nil
}

// Close closes the file.
func (w *Writer) Close() error { return w.f.Close() }

// Encode writes a whole file: header, then the rows in the order of
// [Workloads], each workload below its note.
func (f *File) Encode(w io.Writer) error {
	var head []Fact
	for _, fact := range f.Facts {
		if fact.Key != KeyWorkload && fact.Key != KeySkipped {
			head = append(head, fact)
		}
	}
	var b bytes.Buffer
	b.WriteString(Header(head))
	notes, skipped := f.Named(KeyWorkload), f.Named(KeySkipped)
	for _, name := range f.workloads() {
		b.WriteByte('\n')
		for _, of := range []struct {
			key   string
			named []KeyValue
		}{{KeyWorkload, notes}, {KeySkipped, skipped}} {
			for _, kv := range of.named {
				if kv.Key == name {
					b.WriteString(Named(of.key, name, kv.Value).line())
				}
			}
		}
		for i := range f.Rows {
			if f.Rows[i].Workload != name {
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
