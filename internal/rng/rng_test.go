package rng_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/internal/rng"
)

// stream is one entry of testdata/rng.json, made by NumPy 1.24.
type stream struct {
	Seed      uint64      `json:"seed"`
	Raw       []string    `json:"raw_uint64"`
	First8    []float64   `json:"normals_first8"`
	At        int         `json:"normals_at"`
	At8       []float64   `json:"normals_at_8"`
	Draw      [][]float64 `json:"draw_2x3"`
	ThenDraw  [][]float64 `json:"then_draw_3x4"`
	State     string      `json:"pcg64_state"`
	Increment string      `json:"pcg64_increment"`
	SeedWords []string    `json:"seed_sequence_state_uint64"`
	Million   struct {
		CRC32      string  `json:"crc32_float32"`
		CRC64      string  `json:"crc32_float64"`
		ArgMin     int     `json:"argmin"`
		Min        float64 `json:"min"`
		ArgMax     int     `json:"argmax"`
		Max        float64 `json:"max"`
		BeyondTail int     `json:"beyond_ziggurat_tail"`
	} `json:"million"`
}

func streams(t *testing.T) []stream {
	t.Helper()
	text, err := os.ReadFile("testdata/rng.json")
	require.NoError(t, err)
	var file struct {
		Streams []stream `json:"streams"`
	}
	require.NoError(t, json.Unmarshal(text, &file))
	require.Len(t, file.Streams, 13)
	return file.Streams
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
			for i, w := range append(flat(want.Draw), flat(want.ThenDraw)...) {
				if got := s.Normal(); got != w {
					t.Errorf("draw %d: got %v, want %v", i, got, w)
				}
			}
			checkMillion(t, want, rng.New(want.Seed).Normals(1_000_000))
		})
	}
}

func checkMillion(t *testing.T, want stream, x []float64) {
	t.Helper()
	require.Equal(t, want.First8, x[:8], "first normals")
	require.Equal(t, want.At8, x[want.At:want.At+8], "normals at %d", want.At)
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
	m := want.Million
	require.Equal(t, m.ArgMin, lo, "index of the minimum")
	require.Equal(t, m.ArgMax, hi, "index of the maximum")
	require.Equal(t, m.Min, x[lo])
	require.Equal(t, m.Max, x[hi])
	require.Equal(t, m.BeyondTail, beyond, "normals of the tail")
	require.Equal(t, m.CRC64, crc(t, x), "CRC-32 of the float64 bytes")
	require.Equal(t, m.CRC32, crc(t, rng.New(want.Seed).Float32s(len(x), 1, 0)), "CRC-32 of the float32 bytes")
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
