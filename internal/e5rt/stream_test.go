package e5rt

import (
	"fmt"
	"math"
	"sync"
	"testing"

	"github.com/ebitengine/purego"
	"github.com/stretchr/testify/require"
)

func TestExecuteThroughBuffers(t *testing.T) {
	p := open(t, bind(t))
	require.Len(t, p.Input(0), 2*2*48)
	for i, b := range p.Input(0) {
		if b != 0 {
			t.Fatalf("fresh input byte %d = %#x, want 0", i, b)
		}
	}
	for i := range 96 {
		p.Input(0)[2*i] = byte(i)
	}
	require.NoError(t, p.Execute())
	for i := range 96 {
		if got := word(p.Output(0), i); got != uint16(i+1) {
			t.Fatalf("output %d = %d, want %d", i, got, i+1)
		}
	}
	require.NoError(t, p.Close())
	require.Nil(t, p.Input(0), "no view of freed memory")
	require.Empty(t, engine.live)
}

func TestAliasKeepsStateResident(t *testing.T) {
	p := open(t, bind(t))
	before := len(engine.live)
	require.NoError(t, p.Alias(0, 0))
	require.Len(t, engine.live, before-1, "the input's own buffer is released")
	for range 100 {
		require.NoError(t, p.Execute())
	}
	require.Equal(t, uint16(100), word(p.Output(0), 0))
	require.Equal(t, uint16(100), word(p.Input(0), 0), "the input shows the shared buffer")
	require.ErrorIs(t, p.Alias(0, 0), ErrEncoded)
	require.NoError(t, p.Close())
	require.Nil(t, p.Input(0))
	require.Empty(t, engine.live)
}

// ops loads n operations with one input [2, cols] and one output [2, 48].
func ops(t *testing.T, l *Lib, cols, n int) (list []*Operation, closeAll func()) {
	t.Helper()
	lib, err := l.Compile("model.mil", "cache", Options{})
	require.NoError(t, err)
	f, err := lib.Function("main")
	require.NoError(t, err)
	for range n {
		op, err := f.Operation([]PortSpec{{Name: "in", Shape: []int{2, cols}}}, []PortSpec{{Name: "out", Shape: []int{2, 48}}})
		require.NoError(t, err)
		list = append(list, op)
	}
	return list, func() {
		for _, op := range list {
			require.NoError(t, op.Close())
		}
		require.NoError(t, f.Close())
		require.NoError(t, lib.Close())
		require.Empty(t, engine.live)
	}
}

func TestAliasRefusals(t *testing.T) {
	l := bind(t)
	list, closeAll := ops(t, l, 32, 2)
	s, err := NewStream(list[0])
	require.NoError(t, err)
	tests := []struct {
		name     string
		from, to *Port
		want     string
	}{
		{"shapes differ", list[0].Output(0), list[0].Input(0), "must be equal"},
		{"direction", list[0].Input(0), list[0].Output(0), "want an output, then an input"},
		{"operation of no stream", list[0].Output(0), list[1].Input(0), "operations of this stream"},
	}
	for _, tt := range tests {
		require.ErrorContains(t, s.Alias(tt.from, tt.to), tt.want, tt.name)
	}
	require.NoError(t, s.Close())
	require.ErrorIs(t, s.Alias(list[0].Output(0), list[0].Input(0)), ErrClosed)
	closeAll()
}

func TestChainOfOperations(t *testing.T) {
	l := bind(t)
	list, closeAll := ops(t, l, 48, 3)
	s, err := NewStream(list...)
	require.NoError(t, err)
	require.NoError(t, s.Alias(list[0].Output(0), list[1].Input(0)))
	require.NoError(t, s.Alias(list[1].Output(0), list[2].Input(0)))
	require.ErrorContains(t, s.Alias(list[0].Output(0), list[2].Input(0)), "aliased already")
	require.NoError(t, s.Execute())
	require.Equal(t, uint16(3), word(list[2].Output(0).Bytes(), 5))
	_, err = NewStream(list[0])
	require.ErrorIs(t, err, ErrBusy)
	require.ErrorIs(t, list[0].Close(), ErrBusy)
	require.NoError(t, s.Close())
	_, err = NewStream(list[0])
	require.ErrorIs(t, err, ErrBusy, "an operation is encoded once in its life")
	closeAll()
}

func TestOrderOfClose(t *testing.T) {
	l := bind(t)
	lib, err := l.Compile("model.mil", "cache", Options{})
	require.NoError(t, err)
	f, err := lib.Function("main")
	require.NoError(t, err)
	op, err := f.Operation(spec("").Inputs, spec("").Outputs)
	require.NoError(t, err)
	s, err := NewStream(op)
	require.NoError(t, err)
	closers := []interface{ Close() error }{s, op, f, lib}
	for _, c := range closers[1:] {
		require.ErrorIs(t, c.Close(), ErrBusy)
	}
	for _, c := range closers {
		require.NoError(t, c.Close())
	}
	for _, c := range closers {
		require.ErrorIs(t, c.Close(), ErrClosed)
	}
	require.Empty(t, engine.live)
	require.ErrorIs(t, s.Execute(), ErrClosed)
	_, err = lib.Function("main")
	require.ErrorIs(t, err, ErrClosed)
	_, err = f.Operation(nil, nil)
	require.ErrorIs(t, err, ErrClosed)
	_, err = NewStream(op)
	require.ErrorIs(t, err, ErrClosed)
}

func TestExecuteFailureIsFinal(t *testing.T) {
	p := open(t, bind(t))
	require.NoError(t, p.Execute())
	engine.fail["e5rt_execution_stream_execute_sync"] = -1
	first := p.Execute()
	var st *StatusError
	require.ErrorAs(t, first, &st)
	require.Equal(t, StageExecute, st.Stage)
	require.Equal(t, Status(-1), st.Code)
	delete(engine.fail, "e5rt_execution_stream_execute_sync")
	require.Equal(t, first, p.Execute(), "the program stays unusable")
	require.NoError(t, p.Close())
	require.Empty(t, engine.live)
}

func TestConcurrentExecute(t *testing.T) {
	p := open(t, bind(t))
	require.NoError(t, p.Execute())
	engine.gate, engine.entered = make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	var first error
	wg.Go(func() { first = p.Execute() })
	<-engine.entered
	require.ErrorIs(t, p.Execute(), ErrConcurrent)
	close(engine.gate)
	wg.Wait()
	require.NoError(t, first)
	require.NoError(t, p.Close())
}

func TestPortSizes(t *testing.T) {
	tests := []struct {
		spec    PortSpec
		payload int
		alloc   int
	}{
		{PortSpec{Shape: []int{1}}, 2, 64},
		{PortSpec{Shape: []int{32}}, 64, 64},
		{PortSpec{Shape: []int{33}}, 66, 128},
		{PortSpec{Shape: []int{3, 5}, DType: UInt8}, 15, 64},
		{PortSpec{Shape: []int{1, 3, 224, 224}}, 301056, 301056},
		{PortSpec{Shape: []int{8193}}, 16386, 16448},
	}
	for _, tt := range tests {
		got, err := tt.spec.payload()
		require.NoError(t, err)
		if got != tt.payload || allocSize(got) != tt.alloc {
			t.Errorf("%v %v: payload %d in %d bytes, want %d in %d", tt.spec.DType, tt.spec.Shape, got, allocSize(got), tt.payload, tt.alloc)
		}
	}
	for _, shape := range [][]int{{0}, {-1, 2}, {math.MaxInt64 / 2, 4}} {
		_, err := PortSpec{Name: "p", Shape: shape}.payload()
		require.ErrorContains(t, err, "no valid size", "shape %v", shape)
	}
}

func TestUnknownPort(t *testing.T) {
	l := bind(t)
	s := spec("model.mil")
	s.Outputs[0].Name = "no-such"
	_, err := l.Open(s)
	require.ErrorContains(t, err, "port no-such")
	require.ErrorContains(t, err, "returned names")
	require.Empty(t, engine.live)
}

func TestStreamLength(t *testing.T) {
	for _, n := range []int{0, maxOps + 1} {
		_, err := NewStream(make([]*Operation, n)...)
		require.ErrorContains(t, err, fmt.Sprintf("stream of %d operations", n))
	}
}

// BenchmarkExecute is the cost of one dispatch of an empty program: this
// package, the foreign call, and the stand-in's Go callback.
func BenchmarkExecute(b *testing.B) {
	l := bind(b)
	p := open(b, l)
	if err := p.Execute(); err != nil {
		b.Fatal(err)
	}
	engine.encoded = nil
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Execute(); err != nil {
			b.Fatal(err)
		}
	}
}

// native points the stream's hot call at ffs of the C library, which returns 0
// for a handle whose low 32 bits are 0: a C function that does nothing.
func native(t testing.TB) *Stream {
	t.Helper()
	p := open(t, bind(t))
	require.NoError(t, p.Execute())
	ffs, err := purego.Dlsym(purego.RTLD_DEFAULT, "ffs")
	require.NoError(t, err)
	return &Stream{l: p.stream.l, ops: p.stream.ops, encoded: true, args: []uintptr{1 << 32}, execute: ffs}
}

func TestExecuteAllocatesNothing(t *testing.T) {
	s := native(t)
	got := testing.AllocsPerRun(1000, func() {
		if err := s.Execute(); err != nil {
			t.Fatal(err)
		}
	})
	require.Zero(t, got, "allocations per Execute of a C function")
}

// BenchmarkExecuteNative is the cost of one dispatch without any callback.
func BenchmarkExecuteNative(b *testing.B) {
	s := native(b)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Execute(); err != nil {
			b.Fatal(err)
		}
	}
}
