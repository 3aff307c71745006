package corpus

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/internal/e5rt"
	"devicemap/internal/fp16"
	"devicemap/internal/graph"
	"devicemap/internal/mil"
	"devicemap/internal/softane"
)

// spellProbe writes one of the three probes of E16 as a program by hand, so
// that a mistake of the lowering cannot hide one of the engine.
func spellProbe(g *graph.Graph) (*mil.Program, *mil.BlobWriter, error) {
	b, n := mil.NewBuilder(), g.Nodes[0]
	x := b.Input("x", mil.Tensor(mil.FP16, g.Inputs[0].Shape...))
	var y *mil.Value
	switch op := n.Op.(type) {
	case graph.MatMul: // with ones [K,16], stored [16,K]
		k := g.Inputs[0].Shape[1]
		y = b.Op("matmul", mil.Flag("transpose_x", false), mil.Flag("transpose_y", true), mil.In("x", x),
			mil.In("y", b.Weight("ones", repeated(1, 16*k), 16, k)))
	case graph.Crop:
		y = b.Op("crop", mil.Ints("crop_height", op.Top, op.Bottom), mil.Ints("crop_width", op.Left, op.Right), mil.In("x", x))
	case graph.Reduce:
		y = b.Op("reduce_sum", mil.Ints("axes", op.Axes...), mil.Flag("keep_dims", true), mil.In("x", x))
	default:
		return nil, nil, fmt.Errorf("%s is no probe", n.Op.Name())
	}
	b.Output("y", y)
	return b.Build()
}

// loadSoftware compiles probes for a software engine through its C interface.
func loadSoftware(t *testing.T, arch softane.Arch) Loader {
	t.Helper()
	soft, err := softane.New(arch)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, soft.Close()) })
	lib, err := soft.Lib()
	require.NoError(t, err)
	return func(g *graph.Graph) (Loaded, error) {
		p, weights, err := spellProbe(g)
		if err != nil {
			return nil, err
		}
		dir := t.TempDir()
		var text, blob bytes.Buffer
		require.NoError(t, mil.Write(&text, p))
		_, err = weights.WriteTo(&blob)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "weights.bin"), blob.Bytes(), 0o600))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "model.mil"), text.Bytes(), 0o600))
		run, err := lib.Open(e5rt.Spec{Path: filepath.Join(dir, "model.mil"), CacheDir: dir,
			Inputs:  []e5rt.PortSpec{{Name: "x", Shape: g.Inputs[0].Shape, DType: e5rt.FP16}},
			Outputs: []e5rt.PortSpec{{Name: "y", Shape: g.Outputs[0].Value.Shape, DType: e5rt.FP16}}})
		if err != nil {
			return nil, err
		}
		return softProgram{run, g.Outputs[0].Value.Shape.Elems()}, nil
	}
}

// softProgram is a probe on a software engine.
type softProgram struct {
	*e5rt.Program
	elems int
}

func (p softProgram) Compute(inputs [][]float32) ([]float32, error) {
	fp16.EncodeLE(p.Input(0), inputs[0])
	if err := p.Execute(); err != nil {
		return nil, err
	}
	y := make([]float32, p.elems)
	fp16.DecodeLE(y, p.Output(0))
	return y, nil
}

// families gives the chips of the published table their compiler targets.
var families = map[string]softane.Arch{
	"Apple M1": softane.H13, "Apple M1 Max": softane.H13, "Apple M2 Pro": softane.H14,
	"Apple M4": softane.H16, "Apple M5": softane.H17, "Apple M5 Pro": softane.H17,
}

// TestSoftwareEngineHasThePublishedCliffs reproduces the row of each published
// machine on the software engine of its family, to the last digit.
func TestSoftwareEngineHasThePublishedCliffs(t *testing.T) {
	for _, m := range machines(t) {
		t.Run(m.Chip, func(t *testing.T) {
			arch, ok := families[m.Chip]
			require.True(t, ok, "no family for %s", m.Chip)
			c := findCliffs(t, loadSoftware(t, arch))
			holdToPublished(t, c, strings.HasPrefix(m.Slice, "exact"))
			m.hold(t, c)
		})
	}
}

// TestUnpublishedFamilyClamps: no A15 machine is in the table; it is treated
// as its elders until one is measured.
func TestUnpublishedFamilyClamps(t *testing.T) {
	holdToPublished(t, findCliffs(t, loadSoftware(t, softane.H15)), false)
}
