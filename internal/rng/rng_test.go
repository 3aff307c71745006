package rng_test

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/internal/golden"
	"devicemap/internal/rng"
)

func streams(t *testing.T) []golden.Stream {
	t.Helper()
	set, err := golden.Open("")
	require.NoError(t, err)
	file, err := set.RNG()
	require.NoError(t, err)
	require.Len(t, file.Streams, 13)
	return file.Streams
}

// The seeding is checked on its own words and on the state it leaves.
func TestSeedingIsNumPys(t *testing.T) {
	for _, want := range streams(t) {
		words, state, increment := rng.Seeding(want.Seed)
		require.Equal(t, want.SeedWords, words, "seed %d: SeedSequence words", want.Seed)
		require.Equal(t, want.State, state, "seed %d: state", want.Seed)
		require.Equal(t, want.Increment, increment, "seed %d: increment", want.Seed)
	}
}

func TestStreamsAreNumPys(t *testing.T) {
	for _, want := range streams(t) {
		t.Run(fmt.Sprintf("seed=%d", want.Seed), func(t *testing.T) {
			raw := rng.New(want.Seed)
			for i, w := range want.Raw {
				if got := fmt.Sprintf("%#016x", raw.Uint64()); got != w {
					t.Errorf("raw word %d: got %s, want %s", i, got, w)
				}
			}
			s := rng.New(want.Seed)
			for i, w := range append(flat(want.Draw2x3), flat(want.ThenDraw3x4)...) {
				if got := s.Normal(); got != w {
					t.Errorf("draw %d: got %v, want %v", i, got, w)
				}
			}
			checkMillion(t, want, rng.New(want.Seed).Normals(1_000_000))
		})
	}
}

func checkMillion(t *testing.T, want golden.Stream, x []float64) {
	t.Helper()
	require.Equal(t, want.First8, x[:8], "first normals")
	require.Equal(t, want.NormalsAt8, x[want.NormalsAt:want.NormalsAt+8], "normals at %d", want.NormalsAt)
	lo, hi, beyond := 0, 0, 0
	for i, v := range x {
		if v < x[lo] {
			lo = i
		}
		if v > x[hi] {
			hi = i
		}
		if math.Abs(v) > 3.6541528853610088 {
			beyond++
		}
	}
	m := want.FirstMillion
	require.Equal(t, m.ArgMin, lo, "index of the minimum")
	require.Equal(t, m.ArgMax, hi, "index of the maximum")
	require.Equal(t, m.Min, x[lo])
	require.Equal(t, m.Max, x[hi])
	require.Equal(t, m.BeyondTail, beyond, "normals of the tail")
	require.Equal(t, m.CRC32Float64, crc(t, x), "CRC-32 of the float64 bytes")
	require.Equal(t, m.CRC32Float32, crc(t, rng.New(want.Seed).Float32s(len(x), 1, 0)), "CRC-32 of the float32 bytes")
}

func TestFloat32sScalesInFloat64(t *testing.T) {
	const scale, offset = 0.02, 1.0
	normals := rng.New(7).Normals(10_000)
	for i, got := range rng.New(7).Float32s(len(normals), scale, offset) {
		product := scale * normals[i]
		if want := float32(offset + product); got != want {
			t.Fatalf("value %d: got %v, want %v", i, got, want)
		}
	}
}

// Draws of one source follow each other whatever the method.
func TestDrawsContinueTheStream(t *testing.T) {
	want := rng.New(11).Normals(5000)
	s := rng.New(11)
	for at := 0; at < len(want); {
		n := min(1+at%97, len(want)-at)
		for i, got := range s.Float32s(n, 1, 0) {
			if got != float32(want[at+i]) {
				t.Fatalf("value %d: got %v, want %v", at+i, got, float32(want[at+i]))
			}
		}
		at += n
		if at < len(want) {
			if got := s.Normal(); got != want[at] {
				t.Fatalf("normal %d: got %v, want %v", at, got, want[at])
			}
			at++
		}
	}
}

func flat(rows [][]float64) []float64 {
	var out []float64
	for _, r := range rows {
		out = append(out, r...)
	}
	return out
}

// crc is the IEEE CRC-32 of the little-endian bytes of values.
func crc(t *testing.T, values any) string {
	t.Helper()
	h := crc32.NewIEEE()
	require.NoError(t, binary.Write(h, binary.LittleEndian, values))
	return fmt.Sprintf("%08x", h.Sum32())
}

func BenchmarkFloat32s(b *testing.B) {
	out := make([]float32, 1<<20)
	s := rng.New(0)
	for b.Loop() {
		s.Fill(out, 0.02, 0)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(out)), "ns/value")
}

func BenchmarkNormal(b *testing.B) {
	s := rng.New(0)
	sum := 0.0
	for b.Loop() {
		sum += s.Normal()
	}
	if math.IsNaN(sum) {
		b.Fatal("sum of the normals is NaN")
	}
}
