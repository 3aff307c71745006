package ane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"devicemap/internal/e5rt"
)

// source is a program as the compiler takes it.
type source struct {
	name            string // of the graph
	text            []byte // MIL
	weights         weights
	inputs, outputs []e5rt.PortSpec
}

// weights is the weight file, streamed as often as needed.
type weights interface {
	io.WriterTo
	Size() uint64
}

// load compiles s through the cache and opens it on the device.
func (e *engine) load(s source, staged bool) (_ *program, err error) {
	p := &program{engine: e, name: s.name, staged: staged}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.release())
		}
	}()
	size := int64(s.weights.Size())
	name, err := key(s.text, s.weights, size, e.config.Name, e.config.Library, e.config.Host, e.config.Arch)
	if err != nil {
		return nil, e.refused(s.name, err)
	}
	if p.entry, err = e.cache.take(name, s.text, s.weights, size); err != nil {
		return nil, err
	}
	if p.run, err = e.openLocked(p.entry, s); err != nil {
		return nil, err
	}
	if err := e.cache.trim(bytesUnder(p.entry.path(bundleDir))); err != nil {
		return nil, err
	}
	p.bind(s)
	return p, e.adopt(p)
}

// openLocked compiles, loads and proves the place of a program while no other
// process compiles the entry.
func (e *engine) openLocked(t *entry, s source) (run *e5rt.Program, err error) {
	unlock, err := t.lockCompile()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	if !t.good() && e.config.Isolate != nil {
		if err := e.tryOut(t, s); err != nil {
			return nil, err
		}
	}
	spec := e5rt.Spec{Path: t.path(modelFile), CacheDir: t.path(bundleDir), Inputs: s.inputs, Outputs: s.outputs}
	warm := t.warm()
	run, err = e.lib.Open(spec)
	if err != nil && warm && stale(err) {
		// A bundle of an earlier boot or build may not load any more.
		if err := t.clearBundle(); err != nil {
			return nil, err
		}
		spec.Options.Force = true
		run, err = e.lib.Open(spec)
	}
	if err != nil {
		err = e.driver(s.name, t, err)
		return nil, errors.Join(err, t.record(err.Error()))
	}
	// The next compile of the entry may rewrite the bundle.
	if err := checkPlacement(os.DirFS(t.path(bundleDir))); err != nil {
		return nil, errors.Join(&NotOnANEError{e.config.Name, s.name, t.dir, err}, run.Close())
	}
	if err := t.record(""); err != nil {
		return nil, errors.Join(err, run.Close())
	}
	return run, nil
}

// stale says whether err may come from a bundle that does not load any more.
func stale(err error) bool {
	var st *e5rt.StatusError
	return errors.As(err, &st) && (st.Stage == e5rt.StageLoad || st.Stage == e5rt.StageCompile)
}

// tryOut compiles a program that is new to this host in a child process. What
// the child says on its standard error stays beside the program if it fails.
func (e *engine) tryOut(t *entry, s source) error {
	ctx, cancel := context.WithTimeout(context.Background(), e.config.Wait)
	defer cancel()
	v, err := e.config.Isolate(ctx, e5rt.Job{Path: t.path(modelFile), CacheDir: t.path(bundleDir)})
	if err != nil {
		return fmt.Errorf("ane: compile %s apart: %w", s.name, err)
	}
	if v.Outcome == e5rt.Compiled {
		return nil
	}
	err = e.driver(s.name, t, v.Err())
	return errors.Join(err, t.record(err.Error()+"\n\n"+v.Log))
}
