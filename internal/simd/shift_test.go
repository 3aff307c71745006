package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func eachShift(t *testing.T, test func(t *testing.T, s Shift)) {
	for _, l := range Levels() {
		t.Run("level="+l.String(), func(t *testing.T) { test(t, Shift{l}) })
	}
}

// TestGather compares rows of up to nine runs, of which some lanes have none,
// with an element-wise reading; nothing outside of the rows is written.
func TestGather(t *testing.T) {
	const step, before = 41, 100
	eachShift(t, func(t *testing.T, s Shift) {
		r := rand.New(rand.NewPCG(1, 2))
		src := make([]float32, 20*step)
		for i := range src {
			src[i] = r.Float32()
		}
		for _, width := range []int{4, 8, 12, 16, 32, 48, 64} {
			for _, most := range []int{0, 1, 2, 3, 9, 64} {
				rows := r.IntN(9)
				var runs []Run
				for lane := 0; lane < width && len(runs) < most; {
					lane += r.IntN(3)
					n := min(1+r.IntN(width), 1+r.IntN(8), width-lane)
					if n < 1 {
						break
					}
					runs = append(runs, RunOf(lane, n, r.IntN(step-n)))
					lane += n
				}
				dst := make([]float32, before+rows*width+before)
				for i := range dst {
					dst[i] = -1
				}
				s.Gather(dst[before:before+rows*width], width, src, step, rows, runs)
				for i, got := range dst {
					want := float32(-1)
					if at := i - before; at >= 0 && at < rows*width {
						want = 0
						for _, run := range runs {
							if run.Lanes>>(at%width)&1 != 0 {
								want = src[at/width*step+run.From+at%width]
							}
						}
					}
					require.Equal(t, want, got, "width %d, %d rows, runs %v: element %d", width, rows, runs, i-before)
				}
			}
		}
	})
}

// TestTaps compares Weigh and Top of every length up to two wide passes.
func TestTaps(t *testing.T) {
	const guard = 20
	eachShift(t, func(t *testing.T, s Shift) {
		r := rand.New(rand.NewPCG(3, 4))
		for n := range 131 {
			taps := 1 + r.IntN(10)
			src, at, w := make([]float32, n+30), make([]int, taps), make([]float32, taps)
			for i := range src {
				src[i] = 2*r.Float32() - 1
			}
			for i := range at {
				at[i], w[i] = r.IntN(31), 2*r.Float32()-1
			}
			was := make([]float32, guard+n+guard)
			for i := range was {
				was[i] = r.Float32()
			}
			for _, add := range []bool{false, true} {
				got := append([]float32(nil), was...)
				s.Weigh(got[guard:guard+n], src, at, w, 0.5, add)
				requireGuarded(t, was, got, guard, n)
				for i := range n {
					want := 0.5
					if add {
						want = float64(was[guard+i])
					}
					for k, from := range at {
						want += float64(w[k]) * float64(src[from+i])
					}
					require.InDelta(t, want, got[guard+i], 2e-6, "%d of %d values, %d taps", i, n, taps)
				}
			}
			got := append([]float32(nil), was...)
			s.Top(got[guard:guard+n], src, at)
			requireGuarded(t, was, got, guard, n)
			for i := range n {
				want := float32(math.Inf(-1))
				for _, from := range at {
					want = max(want, src[from+i])
				}
				require.Equal(t, want, got[guard+i], "%d of %d values, %d taps", i, n, taps)
			}
		}
	})
}

func requireGuarded(t *testing.T, was, got []float32, guard, n int) {
	t.Helper()
	require.Equal(t, was[:guard], got[:guard], "before dst")
	require.Equal(t, was[guard+n:], got[guard+n:], "behind dst")
}

// TestTopKeepsNaN: at any tap, in wide passes and tails.
func TestTopKeepsNaN(t *testing.T) {
	eachShift(t, func(t *testing.T, s Shift) {
		for _, n := range []int{1, 7, 16, 63, 64, 100} {
			for nan := range 3 {
				src, dst := make([]float32, n+2), make([]float32, n)
				src[n-1+nan] = float32(math.NaN())
				s.Top(dst, src, []int{0, 1, 2})
				for i, v := range dst {
					seen := i <= n-1+nan && n-1+nan <= i+2
					require.Equal(t, seen, v != v, fmt.Sprint(n, nan, i))
				}
			}
		}
	})
}
