package softane_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/internal/e5rt"
	"devicemap/internal/mil"
	"devicemap/internal/softane"
)

// opOf makes a builder of one operation with a fixed input shape.
func opOf(op string, shape []int, args ...mil.Arg) func() *mil.Builder {
	return func() *mil.Builder { return unaryOp(op, shape, args...) }
}

func convOf(kh, kw int) func() *mil.Builder {
	return func() *mil.Builder {
		b := mil.NewBuilder()
		x := b.Input("x", mil.Tensor(mil.FP16, 1, 1, 8, 20))
		w := b.Weight("w", make([]float32, kh*kw), 1, 1, kh, kw)
		b.Output("y", b.Op("conv", append(square(1), mil.In("x", x), mil.In("weight", w))...))
		return b
	}
}

func affineOf() *mil.Builder {
	b := mil.NewBuilder()
	x := b.Input("x", mil.Tensor(mil.FP16, 1, 1, 2, 2))
	t := b.Weight("t", []float32{1, 0, 0, 0, 1, 0}, 1, 6)
	b.Output("y", b.Op("affine", mil.In("x", x), mil.In("transform_matrix", t), mil.Flag("align_corners", false),
		mil.Word("coordinates_mode", "normalized_minus_one_to_one"), mil.Int("output_height", 2), mil.Int("output_width", 2),
		mil.Word("padding_mode", "constant"), mil.Half("padding_value", 0), mil.Word("sampling_mode", "bilinear")))
	return b
}

// squareThen is a nonlinearity of a native square of the given width.
func squareThen(width int) func() *mil.Builder {
	return func() *mil.Builder {
		b := mil.NewBuilder()
		x := b.Input("x", mil.Tensor(mil.FP16, 1, width))
		b.Output("y", b.Op("relu", mil.In("x", b.Op("square", mil.In("x", x)))))
		return b
	}
}

func zeroTimes(op string) func() *mil.Builder {
	return func() *mil.Builder {
		b := mil.NewBuilder()
		x := b.Input("x", mil.Tensor(mil.FP16, 1, 4))
		args := []mil.Arg{mil.In("x", x)}
		if op == "reduce_sum" {
			args = append(args, mil.Ints("axes", 1), mil.Flag("keep_dims", true))
		}
		b.Output("y", b.Op("mul", mil.In("x", b.Op(op, args...)), mil.In("y", b.Half(0))))
		return b
	}
}

// TestLimitsPerChip compiles each program on each chip; the list gives the
// chips that must refuse it.
func TestLimitsPerChip(t *testing.T) {
	const all, before16, before15, only13 = "h13 h14 h15 h16 h17", "h13 h14 h15", "h13 h14", "h13"
	tests := []struct {
		name    string
		build   func() *mil.Builder
		refused string
	}{
		{"axis 16384", opOf("relu", []int{1, 16384}), ""},
		{"axis 16385", opOf("relu", []int{1, 16385}), before16},
		{"axis 65536", opOf("relu", []int{65536, 1}), before16},
		{"axis 65537", opOf("relu", []int{65537, 1}), all},
		{"channels 65536", opOf("relu", []int{1, 65536, 1, 1}), ""},
		{"channels 65537", opOf("relu", []int{1, 65537, 1, 1}), all},
		{"height 16385", opOf("relu", []int{1, 1, 16385, 1}), before16},
		{"reshape to a long axis", opOf("reshape", []int{2, 16384}, mil.Ints("shape", 32768)), before16},
		{"kernel width 13", convOf(1, 13), ""},
		{"kernel width 14", convOf(1, 14), before16},
		{"kernel width 15", convOf(1, 15), before16},
		{"kernel width 16", convOf(1, 16), all},
		{"sin", opOf("sin", []int{4}), before15},
		{"cos", opOf("cos", []int{4}), before15},
		{"affine", affineOf, only13},
		{"square of width 64, relu", squareThen(64), ""},
		{"square of width 65, relu", squareThen(65), all},
		{"square of width 128, relu", squareThen(128), ""},
		{"0 · reduce_sum", zeroTimes("reduce_sum"), all},
		{"0 · relu", zeroTimes("relu"), ""},
	}
	for _, arch := range softane.Archs() {
		e, l := engine(t, arch)
		for _, tt := range tests {
			t.Run(fmt.Sprintf("%s/%s", arch, tt.name), func(t *testing.T) {
				p, err := build(t, l, tt.build())
				if !strings.Contains(tt.refused, string(arch)) {
					require.NoError(t, err)
					require.NoError(t, p.Close())
					return
				}
				var st *e5rt.StatusError
				require.ErrorAs(t, err, &st)
				require.ErrorIs(t, err, e5rt.ErrRefused)
				require.Equal(t, e5rt.Status(11), st.Code, "%v", err)
				require.NotEmpty(t, st.Hint)
				require.Empty(t, e.Live())
			})
		}
	}
}

// TestTransposeExtents: a transpose and its operand may be longer than other
// tensors; what follows may not.
func TestTransposeExtents(t *testing.T) {
	_, l := engine(t, softane.H13)
	p, err := build(t, l, unaryOp("transpose", []int{20000, 1}, mil.Ints("perm", 1, 0)))
	require.NoError(t, err)
	require.NoError(t, p.Close())
	b := mil.NewBuilder()
	x := b.Input("x", mil.Tensor(mil.FP16, 20000, 1))
	y := b.Op("transpose", mil.In("x", x), mil.Ints("perm", 1, 0))
	b.Output("y", b.Op("relu", mil.In("x", y)))
	_, err = build(t, l, b)
	require.ErrorContains(t, err, "20000")
}

// TestWeightsOf2GB: a weight file of 2 GB is refused by its size, unread.
func TestWeightsOf2GB(t *testing.T) {
	_, l := engine(t, softane.H13)
	s := reluSpec(t)
	f, err := os.Create(filepath.Join(filepath.Dir(s.Path), "weights.bin"))
	require.NoError(t, err)
	require.NoError(t, f.Truncate(2<<30)) // a hole: no disk is used
	require.NoError(t, f.Close())
	_, err = l.Open(s)
	require.ErrorIs(t, err, e5rt.ErrRefused)
	require.ErrorContains(t, err, "weights exceed 2 GB")
}
