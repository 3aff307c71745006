package softane_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/internal/e5rt"
	"devicemap/internal/fp16"
	"devicemap/internal/mil"
	"devicemap/internal/softane"
)

// engine opens a software engine that must be given back without references.
func engine(t testing.TB, a softane.Arch) (*softane.Engine, *e5rt.Lib) {
	t.Helper()
	e, err := softane.New(a)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	l, err := e.Lib()
	require.NoError(t, err)
	return e, l
}

// files writes a program's text and weights to a fresh directory.
func files(t testing.TB, p *mil.Program, w *mil.BlobWriter) (path, cache string) {
	t.Helper()
	dir := t.TempDir()
	var text, blob bytes.Buffer
	require.NoError(t, mil.Write(&text, p))
	_, err := w.WriteTo(&blob)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "weights.bin"), blob.Bytes(), 0o600))
	return textFile(t, dir, text.String())
}

func textFile(t testing.TB, dir, text string) (path, cache string) {
	t.Helper()
	path, cache = filepath.Join(dir, "model.mil"), filepath.Join(dir, "cache")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	require.NoError(t, os.Mkdir(cache, 0o700))
	return path, cache
}

// spec describes the ports of a built program.
func spec(p *mil.Program, path, cache string) e5rt.Spec {
	s := e5rt.Spec{Path: path, CacheDir: cache}
	for _, v := range p.Func.Params {
		s.Inputs = append(s.Inputs, port(v))
	}
	for _, v := range p.Func.Outputs {
		s.Outputs = append(s.Outputs, port(v))
	}
	return s
}

func port(v *mil.Value) e5rt.PortSpec {
	d := e5rt.FP16
	if v.Type.DType == mil.UInt8 {
		d = e5rt.UInt8
	}
	return e5rt.PortSpec{Name: v.Name, Shape: v.Type.Shape, DType: d}
}

// build finishes a builder and opens the program on a library.
func build(t testing.TB, l *e5rt.Lib, b *mil.Builder) (*e5rt.Program, error) {
	t.Helper()
	p, w, err := b.Build()
	require.NoError(t, err)
	path, cache := files(t, p, w)
	return l.Open(spec(p, path, cache))
}

// mustOpen opens a program and closes it with the test.
func mustOpen(t testing.TB, l *e5rt.Lib, b *mil.Builder) *e5rt.Program {
	t.Helper()
	p, err := build(t, l, b)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

// feed writes x to input i as fp16, or as bytes for uint8.
func feed(p *e5rt.Program, i int, x []float32) {
	dst := p.Input(i)
	if len(dst) == len(x) {
		for j, v := range x {
			dst[j] = byte(v)
		}
		return
	}
	fp16.EncodeLE(dst, x)
}

// result reads output i.
func result(p *e5rt.Program, i int) []float32 {
	b := p.Output(i)
	v := make([]float32, len(b)/2)
	fp16.DecodeLE(v, b)
	return v
}

// compute runs a program of one output once.
func compute(t testing.TB, l *e5rt.Lib, b *mil.Builder, inputs ...[]float32) []float32 {
	t.Helper()
	p := mustOpen(t, l, b)
	for i, x := range inputs {
		feed(p, i, x)
	}
	require.NoError(t, p.Execute())
	return result(p, 0)
}

// unaryOp is a program of one operation of input x.
func unaryOp(op string, shape []int, args ...mil.Arg) *mil.Builder {
	b := mil.NewBuilder()
	x := b.Input("x", mil.Tensor(mil.FP16, shape...))
	b.Output("y", b.Op(op, append([]mil.Arg{mil.In("x", x)}, args...)...))
	return b
}

// ramp is 0, 1, 2, … times step.
func ramp(n int, step float32) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(i) * step
	}
	return v
}
