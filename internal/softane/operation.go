package softane

import "sync"

// operationOptions name the function of an operation to be made.
type operationOptions struct {
	function *program
	name     string
}

// operation is a loaded program with its ports.
type operation struct {
	mu      sync.Mutex
	run     *instance
	inputs  []*port
	outputs []*port
	encoded bool
}

// port is an input or output; each retain gives another reference to it.
type port struct {
	op   *operation
	info portInfo
	buf  *buffer
}

func (e *Engine) retainFunction(h handle, cName *byte, out *handle) *refusal {
	lib, bad := lookup[*library](&e.handles, Library, h)
	if bad != nil {
		return bad
	}
	name, bad := goString(cName, "program_library_retain_program_function")
	if bad != nil {
		return bad
	}
	if name != lib.main.name {
		return refuse(badArgument, "Invalid Function Argument: the library has no function %q, only %q", name, lib.main.name)
	}
	return e.add(Function, lib.main, out)
}

func (e *Engine) createOperationOptions(out *handle, h handle) *refusal {
	if h == 0 {
		return refuse(badArgument, "Cannot provide program function as nullptr. @ Create")
	}
	p, bad := lookup[*program](&e.handles, Function, h)
	if bad != nil {
		return bad
	}
	return e.add(OperationOptions, &operationOptions{function: p}, out)
}

// createOperation loads the function: it takes one of the process's slots until
// the operation is released.
func (e *Engine) createOperation(out *handle, h handle) *refusal {
	o, bad := lookup[*operationOptions](&e.handles, OperationOptions, h)
	if bad != nil {
		return bad
	}
	if e.loaded.Add(1) > maxLoaded {
		e.loaded.Add(-1)
		return refuse(badOperation, "ANE model load has failed: too many loaded programs in this process, limit %d", maxLoaded)
	}
	p := o.function
	op := &operation{run: p.instance()}
	for _, info := range p.inputs {
		op.inputs = append(op.inputs, &port{op: op, info: info})
	}
	for _, info := range p.outputs {
		op.outputs = append(op.outputs, &port{op: op, info: info})
	}
	if bad := e.add(Operation, op, out); bad != nil {
		e.loaded.Add(-1)
		return bad
	}
	return nil
}

func (op *operation) released(e *Engine) { e.loaded.Add(-1) }

func (e *Engine) retainPort(h handle, cName *byte, out *handle, output bool) *refusal {
	op, bad := lookup[*operation](&e.handles, Operation, h)
	if bad != nil {
		return bad
	}
	name, bad := goString(cName, "execution_stream_operation_retain_port")
	if bad != nil {
		return bad
	}
	list, dir := op.inputs, "input"
	if output {
		list, dir = op.outputs, "output"
	}
	for _, p := range list {
		if p.info.name == name {
			return e.add(Port, p, out)
		}
	}
	return refuse(badArgument, "Invalid Function Argument: the operation has no %s port %q", dir, name)
}

func (e *Engine) bindPort(h, b handle) *refusal {
	p, bad := lookup[*port](&e.handles, Port, h)
	if bad != nil {
		return bad
	}
	buf, bad := lookup[*buffer](&e.handles, Buffer, b)
	if bad != nil {
		return bad
	}
	p.op.mu.Lock()
	defer p.op.mu.Unlock()
	if p.op.encoded {
		return refuse(badOperation, "port %q: bindings are frozen since the operation was encoded", p.info.name)
	}
	if len(buf.data) < p.info.bytes {
		// The device accepts this and writes past the end.
		return refuse(outOfBounds, "port %q needs %d bytes, its buffer has %d", p.info.name, p.info.bytes, len(buf.data))
	}
	p.buf = buf
	return nil
}
