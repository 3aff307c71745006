package rng

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// Seeding opens the seeding's words and the state of a new source to the
// external tests, in the form of the reference files.
func Seeding(seed uint64) (words []string, state, increment string) {
	entropy := []uint32{uint32(seed)}
	if seed >= 1<<32 {
		entropy = append(entropy, uint32(seed>>32))
	}
	for _, w := range seedSequence(entropy) {
		words = append(words, fmt.Sprintf("0x%016x", w))
	}
	s := New(seed)
	return words, fmt.Sprintf("0x%016x%016x", s.hi, s.lo), fmt.Sprintf("0x%016x%016x", s.incHi, s.incLo)
}

// The strips of a ziggurat have equal area and their edges fall to 0: what is
// left above the last level is the rounding of the recurrence.
func TestZigguratCoversTheDensity(t *testing.T) {
	z := computeZiggurat()
	x := func(i int) float64 { return z.width[i] * 0x1p52 }
	for i := levels - 1; i > 1; i-- {
		require.InEpsilon(t, stripArea, x(i)*(z.density[i-1]-z.density[i]), 1e-11, "area of strip %d", i)
		require.Less(t, x(i-1), x(i), "edge of level %d", i-1)
		require.Equal(t, magnitude(x(i-1)/x(i)), z.inside[i], "level %d", i)
	}
	require.InEpsilon(t, stripArea, x(1)*(1-z.density[1]), 1e-10, "area of the top strip")
	require.Zero(t, z.inside[1], "nothing of the top strip lies under the strip above")
}

func BenchmarkZiggurat(b *testing.B) {
	for b.Loop() {
		computeZiggurat()
	}
}

// The logarithm of the tail against the correctly rounded one: less than one
// unit in the last place apart.
func TestLog1mU(t *testing.T) {
	require.Zero(t, log1mU(0))
	s := New(3)
	for i := range 20_000 {
		u := s.uniform()
		if i%4 == 0 { // small arguments, down to 2^−53
			u = math.Ldexp(math.Floor(math.Ldexp(u, i/4%54)), -53)
		}
		got, want := log1mU(u), log(1-u)
		if ulps := math.Abs(got-want) / (math.Nextafter(math.Abs(want), 1) - math.Abs(want)); ulps > 1 {
			t.Fatalf("ln(1−%v): got %v, want %v, %g units apart", u, got, want, ulps)
		}
	}
}
