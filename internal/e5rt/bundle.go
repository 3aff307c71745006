package e5rt

import (
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Placement is what a cache directory says of the back ends of a program. It
// is the second proof, after the device mask, that the Neural Engine ran it.
type Placement struct {
	Bundle   string   // such as "H13C.bundle", named after the architecture
	Parts    []string // back-end directories of the functions, such as "main/main_ane"
	Selected []string // distinct values of SelectedBackend in analytics.mil, sorted
}

// OnANE says whether every part and every operation is on the Neural Engine.
func (p Placement) OnANE() bool {
	for _, part := range p.Parts {
		if !strings.HasSuffix(part, "_ane") {
			return false
		}
	}
	return len(p.Parts) > 0 && len(p.Selected) == 1 && p.Selected[0] == "ane"
}

// backEnds are the directory suffixes of the known back ends.
var backEnds = []string{"_ane", "_bnns", "_mps_graph", "_cpu0"}

// The attribute's spelling was published by name only: a value may follow as
// Name = string("ane") or as a dictionary's {"Name", "ane"}.
var selected = regexp.MustCompile(`SelectedBackend"?[^"\n]{0,40}"([^"\n]*)"`)

// maxAnalytics bounds how much of an analytics file is read.
const maxAnalytics = 64 << 20

// ReadPlacement inspects the compiled bundle in a program's cache directory.
func ReadPlacement(cache fs.FS) (Placement, error) {
	var p Placement
	err := fs.WalkDir(cache, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && strings.HasSuffix(name, ".bundle"):
			if p.Bundle != "" {
				return fmt.Errorf("two bundles, %s and %s: a cache directory belongs to one program", p.Bundle, name)
			}
			p.Bundle = name
		case d.IsDir() && p.Bundle != "" && slices.ContainsFunc(backEnds, func(s string) bool { return strings.HasSuffix(name, s) }):
			p.Parts = append(p.Parts, strings.TrimPrefix(name, p.Bundle+"/"))
		case path.Base(name) == "analytics.mil":
			return p.readAnalytics(cache, name)
		}
		return nil
	})
	if err == nil && p.Bundle == "" {
		err = fmt.Errorf("no *.bundle directory")
	}
	if err != nil {
		return Placement{}, fmt.Errorf("e5rt: placement: %w", err)
	}
	slices.Sort(p.Selected)
	return p, nil
}

func (p *Placement) readAnalytics(cache fs.FS, name string) error {
	info, err := fs.Stat(cache, name)
	if err != nil {
		return err
	}
	if info.Size() > maxAnalytics {
		return fmt.Errorf("%s has %d bytes, limit %d", name, info.Size(), maxAnalytics)
	}
	text, err := fs.ReadFile(cache, name)
	if err != nil {
		return err
	}
	for _, m := range selected.FindAllSubmatch(text, -1) {
		if v := string(m[1]); !slices.Contains(p.Selected, v) {
			p.Selected = append(p.Selected, v)
		}
	}
	return nil
}
