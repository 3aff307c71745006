package e5rt

import "errors"

// reference is one handle that must be released exactly once.
type reference struct {
	cell    *Handle
	release func(cell *Handle) Status
	name    string
}

// owned is a stack of references, released newest first.
type owned []reference

func (o *owned) push(h Handle, release func(*Handle) Status, name string) {
	cell := new(Handle)
	*cell = h
	*o = append(*o, reference{cell, release, name})
}

// releaseAll empties the stack. All releases are tried; their errors are joined.
func (o *owned) releaseAll(l *Lib) error {
	var errs []error
	for i := len(*o) - 1; i >= 0; i-- {
		errs = append(errs, (*o)[i].free(l))
	}
	*o = nil
	return errors.Join(errs...)
}

// releaseOne gives back h before its turn.
func (o *owned) releaseOne(l *Lib, h Handle) error {
	for i, r := range *o {
		if *r.cell == h {
			*o = append((*o)[:i], (*o)[i+1:]...)
			return r.free(l)
		}
	}
	panic("e5rt: releaseOne of a handle that is not owned")
}

func (r reference) free(l *Lib) error {
	return l.do(StageRelease, r.name, func() Status { return r.release(r.cell) })
}
