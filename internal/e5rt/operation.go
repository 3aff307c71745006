package e5rt

import (
	"errors"
	"fmt"
	"sync"
)

// Function is an entry point of a library.
type Function struct {
	mu     sync.Mutex
	lib    *Library
	name   string
	handle Handle
	refs   owned
	users  int // open operations
	closed bool
}

// Function finds the entry point called name; programs of this suite have one,
// "main".
func (lib *Library) Function(name string) (*Function, error) {
	if err := checkStrings(name); err != nil {
		return nil, err
	}
	lib.mu.Lock()
	defer lib.mu.Unlock()
	if lib.closed {
		return nil, fmt.Errorf("library %s: %w", lib.path, ErrClosed)
	}
	f := &Function{lib: lib, name: name}
	var err error
	f.handle, err = lib.l.create(StageLoad, "function "+name, func(out *Handle) Status {
		return lib.l.c.libraryRetainFunction(lib.handle, name, out)
	})
	if err != nil {
		return nil, err
	}
	f.refs.push(f.handle, lib.l.c.functionRelease, "function "+name)
	lib.users++
	return f, nil
}

// Close releases the function. Its operations must be closed before.
func (f *Function) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.closed:
		return fmt.Errorf("function %s: %w", f.name, ErrClosed)
	case f.users > 0:
		return fmt.Errorf("function %s: %w by %d operations: close them first", f.name, ErrBusy, f.users)
	}
	f.closed = true
	defer f.lib.leave()
	return f.refs.releaseAll(f.lib.l)
}

func (f *Function) leave() {
	f.mu.Lock()
	f.users--
	f.mu.Unlock()
}

// Operation is a function loaded on the device, with a bound buffer per port.
type Operation struct {
	mu              sync.Mutex
	l               *Lib
	function        *Function
	handle          Handle
	refs            owned
	inputs, outputs []*Port
	stream          *Stream // at most one in a lifetime: operations are encoded once
	users           int     // open streams and aliases onto this operation's buffers
	closed          bool
}

// Operation loads the function and makes its ports. The lists must name all
// parameters and all returned values, with the shapes of the MIL file.
func (f *Function) Operation(inputs, outputs []PortSpec) (op *Operation, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, fmt.Errorf("function %s: %w", f.name, ErrClosed)
	}
	l := f.lib.l
	op = &Operation{l: l, function: f}
	defer l.pool.enter()()
	defer func() {
		if err != nil {
			err = errors.Join(err, op.refs.releaseAll(l))
			op = nil
		}
	}()
	if err := op.load(); err != nil {
		return op, err
	}
	if err := f.lib.releaseCompiler(); err != nil {
		return op, err
	}
	for _, s := range inputs {
		op.inputs = append(op.inputs, &Port{spec: s, op: op})
	}
	for _, s := range outputs {
		op.outputs = append(op.outputs, &Port{spec: s, op: op, output: true})
	}
	for _, ports := range [][]*Port{op.inputs, op.outputs} {
		for _, p := range ports {
			if err := p.open(&op.refs); err != nil {
				return op, err
			}
		}
	}
	f.users++
	return op, nil
}

// load creates the operation object, the step that occupies the device.
func (op *Operation) load() error {
	l, c := op.l, &op.l.c
	name := op.function.name
	options, err := l.create(StageLoad, name, func(out *Handle) Status { return c.opOptionsCreate(out, op.function.handle) })
	if err != nil {
		return err
	}
	op.refs.push(options, c.opOptionsRelease, "operation options")
	if err := l.do(StageLoad, name, func() Status { return c.opOptionsSetName(options, name) }); err != nil {
		return err
	}
	if err := l.do(StageLoad, name, func() Status { return c.opOptionsSetAlloc(options, 1) }); err != nil {
		return err
	}
	op.handle, err = l.create(StageLoad, name, func(out *Handle) Status { return c.operationCreate(out, options) })
	if err != nil {
		return err
	}
	op.refs.push(op.handle, c.operationRelease, "operation "+name)
	return nil
}

// Input is the port of the i-th input spec.
func (op *Operation) Input(i int) *Port { return op.inputs[i] }

// Output is the port of the i-th output spec.
func (op *Operation) Output(i int) *Port { return op.outputs[i] }

// Close releases buffers, ports and the operation. Its stream, and operations
// whose inputs alias its outputs, must be closed before.
func (op *Operation) Close() error {
	op.mu.Lock()
	if err := op.closable(); err != nil {
		op.mu.Unlock()
		return err
	}
	op.closed = true
	err := op.refs.releaseAll(op.l)
	op.mu.Unlock()
	op.function.leave()
	return err
}

func (op *Operation) closable() error {
	switch {
	case op.closed:
		return fmt.Errorf("operation %s: %w", op.function.name, ErrClosed)
	case op.users > 0:
		return fmt.Errorf("operation %s: %w by %d streams: close them first", op.function.name, ErrBusy, op.users)
	}
	return nil
}

func (op *Operation) leave() {
	op.mu.Lock()
	op.users--
	op.mu.Unlock()
}
