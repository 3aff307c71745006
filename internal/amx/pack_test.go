package amx

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// specials are values whose rounding is easy to get wrong.
var specials = []uint32{
	0, 1 << 31, 1, 0x7FFF, 0x8000, 0x8001, 0x18000, 0x17FFF, 0x18001, // zeros, denormals, ties
	0x3F800000, 0x3F808000, 0x3F818000, 0x3F807FFF, 0x3F808001,
	0x7F7F7FFF, 0x7F7F8000, 0x7F7FFFFF, 0x7F800000, 0xFF800000, // largest values, infinities
	0x7F800001, 0x7FFFFFFF, 0xFFFFFFFF, 0x7FC00000, 0x7F80FFFF, // NaNs
}

// drawn is n random bit patterns and the specials.
func drawn(rnd *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		bits := rnd.Uint32()
		if rnd.IntN(4) == 0 {
			bits = specials[rnd.IntN(len(specials))]
		}
		v[i] = math.Float32frombits(bits)
	}
	return v
}

// TestHalf compares with the nearest of the two neighbours in float64, ties to
// the even one.
func TestHalf(t *testing.T) {
	widen := func(h uint16) float64 { return float64(math.Float32frombits(uint32(h) << 16)) }
	rnd := rand.New(rand.NewPCG(1, 1))
	for _, v := range drawn(rnd, 200000) {
		got := Half(v)
		if v != v {
			require.True(t, math.IsNaN(widen(got)), "%#x", math.Float32bits(v))
			continue
		}
		down := uint16(math.Float32bits(v) >> 16)
		up := down + 1
		lo, hi := math.Abs(widen(down)), math.Abs(widen(up))
		if up&0x7FFF == 0x7F80 {
			hi = 0x1p128 // where the next value would be
		}
		x := math.Abs(float64(v))
		want := down
		if d := (x - lo) - (hi - x); d > 0 || d == 0 && down&1 == 1 {
			want = up
		}
		if got != want {
			t.Fatalf("Half(%g = %#x) = %#x, want %#x", v, math.Float32bits(v), got, want)
		}
	}
}

// TestPackForms holds both packings to the layout of the package comment, and
// the assembly to plain Go.
func TestPackForms(t *testing.T) {
	rnd := rand.New(rand.NewPCG(2, 2))
	for _, k := range []int{0, 1, 2, 15, 16, 17, 31, 32, 33, 64, 95, 130} {
		for _, lanes := range []int{1, 7, 15, 16, 17, 31, 32} {
			t.Run(fmt.Sprintf("k=%d/lanes=%d", k, lanes), func(t *testing.T) {
				stride, across := k+rnd.IntN(3), lanes+rnd.IntN(3)
				src := drawn(rnd, max(stride*lanes, across*k))
				size := Steps(k) * StepElems
				rows, pairs := filled(size+8), filled(size+8)
				PackRows(rows, src, stride, lanes, k)
				PackPairs(pairs, src, across, lanes, k)
				want, turned := make([]uint16, size), make([]uint16, size)
				for i := range lanes {
					for p := range k {
						at := p/Depth*StepElems + 32*i + p%32
						want[at] = Half(src[i*stride+p])
						at = p/Depth*StepElems + 512*(i/16) + 32*(p%32/2) + 2*(i%16) + p%2
						turned[at] = Half(src[p*across+i])
					}
				}
				require.Equal(t, want, rows[:size], "rows")
				require.Equal(t, turned, pairs[:size], "pairs")
				require.Equal(t, filled(8), rows[size:])
				require.Equal(t, filled(8), pairs[size:])
			})
		}
	}
}

// filled is n values that no packing writes by chance.
func filled(n int) []uint16 {
	v := make([]uint16, n)
	for i := range v {
		v[i] = 0xABCD
	}
	return v
}

// TestTurn: the two forms of one panel, and back.
func TestTurn(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 3))
	const k = 70
	src := drawn(rnd, Lanes*k)
	across := make([]float32, len(src)) // [k, lanes]
	for i := range Lanes {
		for p := range k {
			across[p*Lanes+i] = src[i*k+p]
		}
	}
	rows, pairs := make([]uint16, Steps(k)*StepElems), make([]uint16, Steps(k)*StepElems)
	PackRows(rows, src, k, Lanes, k)
	PackPairs(pairs, across, Lanes, Lanes, k)
	panel := append([]uint16(nil), rows...)
	Turn(panel)
	require.Equal(t, pairs, panel)
	Turn(panel)
	require.Equal(t, rows, panel)
}

// TestGather: every count, lanes anywhere, nothing else written or read.
func TestGather(t *testing.T) {
	rnd := rand.New(rand.NewPCG(4, 4))
	src := make([]uint16, 200)
	for i := range src {
		src[i] = uint16(rnd.Uint32())
	}
	for n := range Depth + 1 {
		var at [16]int
		for i := range at {
			at[i] = rnd.IntN(len(src) - n + 1)
		}
		want, got := make([]uint16, StepElems/2), filled(StepElems/2+4)
		for i, o := range at {
			for p := range n {
				want[p/2*32+2*i+p%2] = src[o+p]
			}
		}
		Gather(got, src, &at, n)
		require.Equal(t, want, got[:StepElems/2], "n = %d", n)
		require.Equal(t, filled(4), got[StepElems/2:], "n = %d", n)
	}
}

// TestLacking names each reason for which there is no kernel.
func TestLacking(t *testing.T) {
	good := features{avx512: true, tile: true, bf16: true, xcr0: 0x602e7, palette: [3]int{8, 16, 64}}
	require.NoError(t, good.lacking())
	tests := []struct {
		change func(f *features)
		want   string
	}{
		{func(f *features) { f.tile = false }, "no bf16 tiles"},
		{func(f *features) { f.bf16 = false }, "no bf16 tiles"},
		{func(f *features) { f.avx512 = false }, "no AVX-512"},
		{func(f *features) { f.xcr0 = 0x202e7 }, "XCR0 is 0x202e7"},
		{func(f *features) { f.palette[1] = 8 }, "8 tiles of 8 rows of 64 bytes"},
	}
	for _, tt := range tests {
		f := good
		tt.change(&f)
		err := f.lacking()
		require.ErrorIs(t, err, ErrUnavailable)
		require.ErrorContains(t, err, tt.want)
	}
}

func BenchmarkPack(b *testing.B) {
	const k = 1024
	src, dst := drawn(rand.New(rand.NewPCG(5, 5)), Lanes*k), make([]uint16, Lanes*k)
	for _, bm := range []struct {
		name string
		pack func()
	}{
		{"rows", func() { PackRows(dst, src, k, Lanes, k) }},
		{"pairs", func() { PackPairs(dst, src, Lanes, Lanes, k) }},
		{"turn", func() { Turn(dst) }},
	} {
		b.Run("form="+bm.name, func(b *testing.B) {
			b.SetBytes(4 * Lanes * k)
			for b.Loop() {
				bm.pack()
			}
		})
	}
}
