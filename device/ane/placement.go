package ane

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"devicemap/device"
	"devicemap/internal/e5rt"
)

// NotOnANEError refuses a program whose bundle does not prove that all of it
// runs on the Neural Engine. No figure of it may be reported as the engine's.
type NotOnANEError struct {
	Engine  string
	Program string
	Dir     string // of the program and its bundle
	Err     error  // what the bundle shows
}

func (e *NotOnANEError) Error() string {
	return fmt.Sprintf("ane: %s: %s is not proven to be on the Neural Engine: %v; bundle in %s", e.Engine, e.Program, e.Err, e.Dir)
}

func (e *NotOnANEError) Unwrap() error { return e.Err }

// Is makes a NotOnANEError a device.ErrRefused.
func (e *NotOnANEError) Is(target error) bool { return target == device.ErrRefused }

// checkPlacement reads the bundle in a program's cache directory: each function
// has one part, of the Neural Engine, and the analytics name no other back end.
//
// Source: bundles observed on macOS 26 hold main/main_ane; other back ends
// leave main_bnns, main_mps_graph or e5_minimal_cpu0.
func checkPlacement(bundle fs.FS) error {
	p, err := e5rt.ReadPlacement(bundle)
	if err != nil {
		return err
	}
	foreign, err := foreignParts(bundle, p.Bundle)
	switch {
	case err != nil:
		return err
	case len(foreign) > 0:
		return fmt.Errorf("%s holds %s", p.Bundle, strings.Join(foreign, ", "))
	case len(p.Parts) == 0:
		return fmt.Errorf("%s holds no part of any back end", p.Bundle)
	case len(p.Selected) == 0:
		return errors.New("no analytics.mil names the selected back end")
	case !p.OnANE():
		return fmt.Errorf("parts %s, selected back ends %s", strings.Join(p.Parts, ", "), strings.Join(p.Selected, ", "))
	}
	return nil
}

// foreignParts lists the directories directly below a function's that are no
// parts of the Neural Engine, known back ends or not.
func foreignParts(bundle fs.FS, root string) (list []string, err error) {
	functions, err := fs.ReadDir(bundle, root)
	if err != nil {
		return nil, err
	}
	for _, f := range functions {
		if !f.IsDir() {
			continue
		}
		parts, err := fs.ReadDir(bundle, path.Join(root, f.Name()))
		if err != nil {
			return nil, err
		}
		for _, part := range parts {
			if part.IsDir() && !strings.HasSuffix(part.Name(), "_ane") {
				list = append(list, f.Name()+"/"+part.Name())
			}
		}
	}
	return list, nil
}
