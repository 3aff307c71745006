package fp16

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/x448/float16"
)

// edges are float32 values around every place where the rule changes.
func edges() []float32 {
	var out []float32
	around := func(x float32) {
		b := math.Float32bits(x)
		for d := -2; d <= 2; d++ {
			out = append(out, math.Float32frombits(b+uint32(d)), -math.Float32frombits(b+uint32(d)))
		}
	}
	for _, x := range []float32{Max, Overflow, MinNormal, MinSubnormal, MinSubnormal / 2, 1, 2048, 0x1p-15,
		MinNormal - MinSubnormal/2, math.MaxFloat32, 0x1p-126, 0x1p-149} {
		around(x)
	}
	for h := range 0x7c00 { // the ties between neighbours
		lo, hi := float16.Frombits(uint16(h)).Float32(), float16.Frombits(uint16(h+1)).Float32()
		if h+1 < 0x7c00 {
			around(lo + (hi-lo)/2)
		}
	}
	for _, b := range []uint32{0, 0x80000000, 0x7f800000, 0xff800000, 0x7fc00000, 0x7f800001, 0xffc01000, 0x7fbfffff, 0xff802000} {
		out = append(out, math.Float32frombits(b))
	}
	return out
}

func randoms(n int) []float32 {
	r := rand.New(rand.NewPCG(1, 2))
	out := make([]float32, n)
	for i := range out {
		out[i] = math.Float32frombits(r.Uint32())
		if i%2 == 0 { // half of them inside the range of halves
			out[i] = float32((r.Float64() - 0.5) * math.Pow(2, float64(r.IntN(44)-26)))
		}
	}
	return out
}

func TestBitsAgainstX448(t *testing.T) {
	for _, x := range slices.Concat(edges(), randoms(1<<20)) {
		if got, want := Bits(x), float16.Fromfloat32(x).Bits(); got != want {
			t.Fatalf("Bits(%g = %#x) = %#04x, want %#04x", x, math.Float32bits(x), got, want)
		}
	}
}

func TestFloat32AllHalves(t *testing.T) {
	for h := range 1 << 16 {
		want := float16.Frombits(uint16(h)).Float32()
		if got := Float32(uint16(h)); math.Float32bits(got) != math.Float32bits(want) {
			t.Fatalf("Float32(%#04x) = %#x, want %#x", h, math.Float32bits(got), math.Float32bits(want))
		}
		if want == want && Bits(want) != uint16(h) {
			t.Fatalf("Bits(Float32(%#04x)) = %#04x", h, Bits(want))
		}
	}
}

// finiteHalves are all finite non-negative halves in ascending order.
func finiteHalves() []float64 {
	out := make([]float64, 0x7c00)
	for h := range out {
		out[h] = float64(float16.Frombits(uint16(h)).Float32())
	}
	return out
}

// nearest finds the half nearest to x by search; 65536 stands above Max.
func nearest(halves []float64, x float64) float64 {
	a := math.Abs(x)
	i, ok := slices.BinarySearchFunc(halves, a, cmp.Compare[float64])
	if ok {
		return x
	}
	lo, hi := halves[i-1], 65536.0
	if i < len(halves) {
		hi = halves[i]
	}
	r := lo
	switch d := (a - lo) - (hi - a); { // exact: both are multiples of x's unit
	case d > 0, d == 0 && i%2 == 0: // an even encoding is an even significand
		r = hi
	}
	if r == 65536 {
		r = math.Inf(1)
	}
	return math.Copysign(r, x)
}

func TestRoundIsNearest(t *testing.T) {
	halves := finiteHalves()
	r := rand.New(rand.NewPCG(3, 4))
	xs := []float64{0, math.Copysign(0, -1), 1 + 0x1p-11, 1 + 0x1p-11 + 0x1p-40, 1 + 3*0x1p-11 - 0x1p-40, 0x1p-25, 0x1p-25 + 0x1p-70,
		-0x1p-26, Max, Overflow, math.Nextafter(Overflow, 0), 1e300, -1e300, 5e-324, MinNormal - 0x1p-25, math.Inf(-1)}
	for range 1 << 18 {
		xs = append(xs, (r.Float64()-0.5)*math.Pow(2, float64(r.IntN(46)-28)))
	}
	for i := range len(halves) - 1 {
		mid := (halves[i] + halves[i+1]) / 2
		xs = append(xs, mid, math.Nextafter(mid, 0), math.Nextafter(mid, 1e9))
	}
	for _, x := range xs {
		want := math.Copysign(math.Inf(1), x)
		if math.Abs(x) < 65536 {
			want = nearest(halves, x)
		}
		if got := Round(x); math.Float64bits(got) != math.Float64bits(want) {
			t.Fatalf("Round(%x) = %x, want %x", x, got, want)
		}
	}
	require.True(t, math.IsNaN(Round(math.NaN())))
}

// TestBulkIsScalar runs the loops at every length around the vector step and
// at odd offsets, and checks that nothing outside is written.
func TestBulkIsScalar(t *testing.T) {
	src := slices.Concat(edges(), randoms(1<<18))
	for _, n := range []int{0, 1, 7, 15, 16, 17, 31, 32, 33, 63, 64, 100, len(src) - 3} {
		for off := range 3 {
			checkEncode(t, src[off:off+n])
		}
	}
	halves := make([]uint16, 1<<16)
	for h := range halves {
		halves[h] = uint16(h)
	}
	for _, n := range []int{0, 1, 15, 16, 17, 33, len(halves) - 2} {
		checkDecode(t, halves[1:1+n])
	}
	checkDecode(t, halves)
}

func checkEncode(t *testing.T, src []float32) {
	t.Helper()
	const guard = 0x5a5a
	words, bytes := make([]uint16, len(src)+1), make([]byte, 2*len(src)+2)
	words[len(src)], bytes[2*len(src)], bytes[2*len(src)+1] = guard, 0x5a, 0x5a
	want := 0
	for _, x := range src {
		if !math.IsInf(float64(x), 0) && float16.Fromfloat32(x).IsInf(0) {
			want++
		}
	}
	if got := Encode(words, src); got != want {
		t.Errorf("Encode of %d values: %d overflows, want %d", len(src), got, want)
	}
	if got := EncodeLE(bytes, src); got != want {
		t.Errorf("EncodeLE of %d values: %d overflows, want %d", len(src), got, want)
	}
	for i, x := range src {
		want := float16.Fromfloat32(x).Bits()
		if got := words[i]; got != want {
			t.Fatalf("Encode: element %d of %d: %#x → %#04x, want %#04x", i, len(src), math.Float32bits(x), got, want)
		}
		if got := uint16(bytes[2*i]) | uint16(bytes[2*i+1])<<8; got != want {
			t.Fatalf("EncodeLE: element %d of %d: %#04x, want %#04x", i, len(src), got, want)
		}
	}
	if words[len(src)] != guard || bytes[2*len(src)] != 0x5a || bytes[2*len(src)+1] != 0x5a {
		t.Fatalf("encoding %d values wrote past the end", len(src))
	}
}

func checkDecode(t *testing.T, src []uint16) {
	t.Helper()
	dst, fromBytes := make([]float32, len(src)+1), make([]float32, len(src)+1)
	dst[len(src)], fromBytes[len(src)] = 42, 42
	bytes := make([]byte, 2*len(src))
	for i, h := range src {
		bytes[2*i], bytes[2*i+1] = byte(h), byte(h>>8)
	}
	Decode(dst, src)
	DecodeLE(fromBytes, bytes)
	for i, h := range src {
		want := math.Float32bits(float16.Frombits(h).Float32())
		if got := math.Float32bits(dst[i]); got != want {
			t.Fatalf("Decode: %#04x → %#x, want %#x", h, got, want)
		}
		if got := math.Float32bits(fromBytes[i]); got != want {
			t.Fatalf("DecodeLE: %#04x → %#x, want %#x", h, got, want)
		}
	}
	if dst[len(src)] != 42 || fromBytes[len(src)] != 42 {
		t.Fatalf("decoding %d values wrote past the end", len(src))
	}
}

func TestShortDestinationPanics(t *testing.T) {
	require.PanicsWithValue(t, "fp16: Encode of 3 values into room for 2", func() { Encode(make([]uint16, 2), make([]float32, 3)) })
	require.PanicsWithValue(t, "fp16: EncodeLE of 3 values into room for 2", func() { EncodeLE(make([]byte, 5), make([]float32, 3)) })
	require.PanicsWithValue(t, "fp16: Decode of 3 values into room for 2", func() { Decode(make([]float32, 2), make([]uint16, 3)) })
	require.PanicsWithValue(t, "fp16: DecodeLE of 3 values into room for 2", func() { DecodeLE(make([]float32, 2), make([]byte, 6)) })
}

func BenchmarkBulk(b *testing.B) {
	for _, n := range []int{1 << 12, 1 << 22} { // in the cache, out of it
		src, dst := randoms(n), make([]uint16, n)
		rate := func(b *testing.B) {
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds()/1e9, "Gelem/s")
		}
		b.Run(fmt.Sprintf("op=encode/elems=%d", n), func(b *testing.B) {
			for b.Loop() {
				Encode(dst, src)
			}
			rate(b)
		})
		b.Run(fmt.Sprintf("op=decode/elems=%d", n), func(b *testing.B) {
			for b.Loop() {
				Decode(src, dst)
			}
			rate(b)
		})
	}
}
