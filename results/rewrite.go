package results

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Rewrite replaces rows of this run by what became known later, such as power
// counted from a baseline that was taken after them. Correct returns the row to
// keep, and whether it differs. The file changes in one step: a crash leaves
// the old rows or the new ones. Rows of earlier runs stay as they are, and so
// does a file that is no regular one.
func (w *Writer) Rewrite(correct func(Row) (Row, bool)) error {
	changed := false
	parts := make([]part, len(w.parts))
	for i, p := range w.parts {
		if parts[i] = p; p.row == nil {
			continue
		}
		r, differs := correct(*p.row)
		if !differs {
			continue
		}
		text, err := r.text()
		if err != nil {
			return err
		}
		parts[i], changed = part{text, &r}, true
	}
	info, err := w.f.Stat()
	if err != nil || !changed || !info.Mode().IsRegular() {
		return err
	}
	path := w.f.Name()
	old, err := os.ReadFile(path)
	if err != nil {
		return unwritable(path, err)
	}
	var b strings.Builder
	if int64(len(old)) < w.start {
		return fmt.Errorf("results: %s was cut short by someone else; its rows stay as they were written", path)
	}
	b.Write(old[:w.start])
	for _, p := range parts {
		b.WriteString(p.text)
	}
	f, err := replace(path, b.String(), info.Mode().Perm())
	if err != nil {
		return unwritable(path, err)
	}
	closed := w.f.Close()
	w.f, w.parts = f, parts
	return closed
}

// replace puts text in the place of the file at path and opens it for
// appending.
func replace(path, text string, mode os.FileMode) (*os.File, error) {
	// A link stays a link: its target is what changes.
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return nil, err
	}
	defer os.Remove(tmp.Name()) // gone after the rename
	_, err = tmp.WriteString(text)
	if err == nil {
		err = tmp.Sync()
	}
	if err == nil {
		err = tmp.Chmod(mode)
	}
	if closed := tmp.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_APPEND|os.O_WRONLY, mode)
}
