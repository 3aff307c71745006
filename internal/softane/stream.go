package softane

import "sync"

// stream runs its operations in the order of their encoding.
type stream struct {
	mu  sync.Mutex
	ops []*operation
}

func (e *Engine) encode(s, o handle) *refusal {
	st, bad := lookup[*stream](&e.handles, Stream, s)
	if bad != nil {
		return bad
	}
	op, bad := lookup[*operation](&e.handles, Operation, o)
	if bad != nil {
		return bad
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	op.mu.Lock()
	defer op.mu.Unlock()
	if op.encoded {
		return refuse(badOperation, "the operation was encoded before")
	}
	if bad := op.bind(); bad != nil {
		return bad
	}
	op.encoded = true
	st.ops = append(st.ops, op)
	return nil
}

// bind gives the instance the memory of its ports.
func (op *operation) bind() *refusal {
	for _, list := range [][]*port{op.inputs, op.outputs} {
		for _, p := range list {
			if p.buf == nil {
				return refuse(badOperation, "port %q has no buffer", p.info.name)
			}
		}
	}
	for i, p := range op.inputs {
		op.run.in[i] = p.buf.data[:p.info.bytes]
	}
	for i, p := range op.outputs {
		op.run.out[i] = p.buf.data[:p.info.bytes]
	}
	return nil
}

// executeGuarded is execute with a status for a panic of softane.
func (e *Engine) executeGuarded(s handle) (bad *refusal) {
	defer func() {
		if r := recover(); r != nil {
			bad = refuse(fault, "internal fault of the software engine: %v", r)
		}
	}()
	return e.execute(s)
}

func (e *Engine) execute(s handle) *refusal {
	st, bad := lookup[*stream](&e.handles, Stream, s)
	if bad != nil {
		return bad
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if len(st.ops) == 0 {
		return refuse(badOperation, "the stream has no encoded operation")
	}
	for _, op := range st.ops {
		op.run.run()
	}
	return nil
}
