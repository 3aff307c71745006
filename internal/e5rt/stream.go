package e5rt

import (
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/ebitengine/purego"
)

// maxOps is the number of operations that one stream takes. Observations of
// the ceiling range from 15 to about 100.
const maxOps = 15

// Stream runs operations in a fixed order. They are encoded once, by the first
// Execute; bindings are frozen from then on.
type Stream struct {
	mu      sync.Mutex
	l       *Lib
	ops     []*Operation
	refs    owned
	encoded bool
	closed  bool
	broken  error // why the stream cannot run any more

	handle  Handle
	execute uintptr
	args    []uintptr // of execute: kept, since SyscallN moves a fresh list to the heap
}

// NewStream makes a stream that runs ops in the given order. An operation
// belongs to one stream in its life.
func NewStream(ops ...*Operation) (*Stream, error) {
	if len(ops) < 1 || len(ops) > maxOps {
		return nil, fmt.Errorf("e5rt: stream of %d operations, want 1 to %d: fuse them into one function", len(ops), maxOps)
	}
	s := &Stream{l: ops[0].l, ops: slices.Clone(ops)}
	for i, op := range ops {
		if err := op.join(s); err != nil {
			s.leave(ops[:i])
			return nil, err
		}
	}
	var err error
	if s.handle, err = s.l.create(StageEncode, "stream", s.l.c.streamCreate); err != nil {
		s.leave(ops)
		return nil, err
	}
	s.refs.push(s.handle, s.l.c.streamRelease, "stream")
	s.execute, s.args = s.l.c.streamExecute, []uintptr{uintptr(s.handle)}
	return s, nil
}

func (op *Operation) join(s *Stream) error {
	op.mu.Lock()
	defer op.mu.Unlock()
	switch {
	case op.closed:
		return fmt.Errorf("operation %s: %w", op.function.name, ErrClosed)
	case op.l != s.l:
		return fmt.Errorf("e5rt: stream mixes operations of two libraries")
	case op.stream != nil:
		return fmt.Errorf("operation %s: %w: it was given to a stream before; load the function again", op.function.name, ErrBusy)
	}
	op.stream = s
	op.users++
	return nil
}

// leave undoes the join of ops after a failure.
func (s *Stream) leave(ops []*Operation) {
	for _, op := range ops {
		op.mu.Lock()
		op.stream = nil
		op.users--
		op.mu.Unlock()
	}
}

// Alias feeds the output port from back to the input port to without a copy:
// to shares from's buffer and its own is released. Both ports belong to this
// stream and have the same shape and dtype. What the next run reads from to is
// what the last run wrote to from.
func (s *Stream) Alias(from, to *Port) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return fmt.Errorf("stream: %w", ErrClosed)
	case s.encoded:
		return ErrEncoded
	case !from.output || to.output:
		return fmt.Errorf("e5rt: alias %s onto %s: want an output, then an input", from.spec.Name, to.spec.Name)
	case from.op.stream != s || to.op.stream != s:
		return fmt.Errorf("e5rt: alias %s onto %s: both ports must belong to operations of this stream", from.spec.Name, to.spec.Name)
	case !from.fits(to):
		return fmt.Errorf("e5rt: alias %s %v %v onto %s %v %v: shapes and dtypes must be equal", from.spec.Name,
			from.spec.DType, from.spec.Shape, to.spec.Name, to.spec.DType, to.spec.Shape)
	case to.source != nil:
		return fmt.Errorf("e5rt: alias %s onto %s: the input is aliased already", from.spec.Name, to.spec.Name)
	}
	to.op.mu.Lock()
	defer to.op.mu.Unlock()
	err := s.l.do(StageBind, "port "+to.spec.Name, func() Status { return s.l.c.portBind(to.handle, from.buffer) })
	if err != nil {
		return err
	}
	own := to.buffer
	to.buffer, to.view, to.source = from.buffer, from.view, from
	return to.op.refs.releaseOne(s.l, own)
}

// Execute runs the operations once and returns when the device is done. The
// steady state is one foreign call and allocates nothing of this package. After
// a failure the stream is unusable and every later Execute returns it again.
func (s *Stream) Execute() error {
	if !s.mu.TryLock() {
		return ErrConcurrent
	}
	defer s.mu.Unlock()
	if s.closed || s.broken != nil || !s.encoded {
		if err := s.prepare(); err != nil {
			return err
		}
	}
	runtime.LockOSThread() // the error text lives in the thread
	defer runtime.UnlockOSThread()
	if pool := s.l.pool; pool.push != 0 {
		token, _, _ := purego.SyscallN(pool.push)
		defer purego.SyscallN(pool.pop, token)
	}
	r, _, _ := purego.SyscallN(s.execute, s.args...)
	if st := Status(r); st != 0 {
		s.broken = s.l.failed(StageExecute, s.ops[0].function.lib.path, st)
	}
	return s.broken
}

// prepare says why the stream cannot run, or encodes it.
func (s *Stream) prepare() error {
	switch {
	case s.closed:
		return fmt.Errorf("stream: %w", ErrClosed)
	case s.broken != nil:
		return s.broken
	}
	// A second encode, or a reset, of an operation poisons the stream; so a
	// failure here is final too.
	s.encoded = true
	for _, op := range s.ops {
		err := s.l.do(StageEncode, op.function.name, func() Status { return s.l.c.streamEncode(s.handle, op.handle) })
		if err != nil {
			s.broken = err
			return err
		}
	}
	return nil
}

// Close releases the stream, so that its operations can be closed. It waits
// for an Execute under way.
func (s *Stream) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fmt.Errorf("stream: %w", ErrClosed)
	}
	s.closed = true
	err := s.refs.releaseAll(s.l)
	for _, op := range s.ops {
		op.leave() // op.stream stays: an operation is encoded once in its life
	}
	return err
}
