package lower_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/internal/chip"
	"devicemap/internal/e5rt"
	"devicemap/internal/fp16"
	"devicemap/internal/graph"
	"devicemap/internal/lower"
	"devicemap/internal/mil"
	"devicemap/internal/reference"
	"devicemap/internal/softane"
)

func chipOf(t testing.TB, arch string) chip.Chip {
	t.Helper()
	c, err := chip.Of(arch)
	require.NoError(t, err)
	return c
}

// build makes a graph of one function.
func build(t testing.TB, make func(b *graph.Builder)) *graph.Graph {
	t.Helper()
	b := graph.New("case")
	make(b)
	g, err := b.Build()
	require.NoError(t, err)
	return g
}

// written is the text and the weight file of a program.
func written(t testing.TB, l *lower.Lowered) (text string, weights []byte) {
	t.Helper()
	var s, w bytes.Buffer
	require.NoError(t, mil.Write(&s, l.Program))
	_, err := l.Weights.WriteTo(&w)
	require.NoError(t, err)
	return s.String(), w.Bytes()
}

// run computes a lowered graph on a software Neural Engine.
func run(t testing.TB, arch string, l *lower.Lowered, inputs [][]float32) [][]float32 {
	t.Helper()
	engine, err := softane.New(softane.Arch(arch))
	require.NoError(t, err)
	defer func() { require.NoError(t, engine.Close()) }()
	lib, err := engine.Lib()
	require.NoError(t, err)
	dir := t.TempDir()
	text, weights := written(t, l)
	spec := e5rt.Spec{Path: filepath.Join(dir, "model.mil"), CacheDir: filepath.Join(dir, "cache"), Inputs: ports(l.Inputs), Outputs: ports(l.Outputs)}
	require.NoError(t, os.WriteFile(spec.Path, []byte(text), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "weights.bin"), weights, 0o600))
	require.NoError(t, os.Mkdir(spec.CacheDir, 0o700))
	p, err := lib.Open(spec)
	require.NoError(t, err)
	defer func() { require.NoError(t, p.Close()) }()
	for i, x := range inputs {
		fp16.EncodeLE(p.Input(i), x)
	}
	require.NoError(t, p.Execute())
	var out [][]float32
	for i := range l.Outputs {
		v := make([]float32, len(p.Output(i))/2)
		fp16.DecodeLE(v, p.Output(i))
		out = append(out, v)
	}
	return out
}

func ports(vs []*mil.Value) (list []e5rt.PortSpec) {
	for _, v := range vs {
		list = append(list, e5rt.PortSpec{Name: v.Name, Shape: v.Type.Shape, DType: e5rt.FP16})
	}
	return list
}

// meaning is the float64 evaluation of g.
func meaning(t testing.TB, g *graph.Graph, inputs [][]float32) [][]float64 {
	t.Helper()
	var data []graph.Data
	for _, x := range inputs {
		data = append(data, graph.F32(x))
	}
	want, err := reference.Eval(g, data)
	require.NoError(t, err)
	return want
}
