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
				at := make([]int, r.IntN(9))
				for i := range at {
					at[i] = r.IntN(19) * step
				}
				rows := len(at)
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
				s.Gather(dst[before:before+rows*width], width, src, at, runs)
				for i, got := range dst {
					want := float32(-1)
					if i := i - before; i >= 0 && i < rows*width {
						want = 0
						for _, run := range runs {
							if run.Lanes>>(i%width)&1 != 0 {
								want = src[at[i/width]+run.From+i%width]
							}
						}
					}
					require.Equal(t, want, got, "width %d, %d rows, runs %v: element %d", width, rows, runs, i-before)
				}
			}
		}
	})
}

// windows are random windows of a plane of height × width, read under a margin
// of NaN around the plane.
type windows struct {
	src           []float32
	height, width int
	cols          *Columns
	rows          Rows
	geometry      [5]int // cols, kernel, step, across, left
}

const margin = 40

func randomWindows(r *rand.Rand, s Shift) windows {
	cols, kernel := 1+r.IntN(70), 1+r.IntN(5)
	step, across := 1+r.IntN(4), 1+r.IntN(3)
	if r.IntN(2) == 0 {
		step = 1
	}
	w := windows{width: 1 + r.IntN(cols*step+5), geometry: [5]int{cols, kernel, step, across, r.IntN(8)}}
	w.cols = s.Columns(cols, kernel, step, across, w.geometry[4], w.width)
	w.rows = Rows{Count: 1 + r.IntN(4), Kernel: r.IntN(5)}
	down, next := 1+r.IntN(2), 1+r.IntN(3)
	first := r.IntN(3)
	w.height = first + max(0, w.rows.Kernel-1)*down + (w.rows.Count-1)*next + 1
	w.rows.From, w.rows.Down, w.rows.Next = margin+first*w.width, down*w.width, next*w.width
	w.src = make([]float32, margin+w.height*w.width+margin)
	for i := range w.src {
		w.src[i] = float32(math.NaN())
		if i >= margin && i < len(w.src)-margin {
			w.src[i] = 2*r.Float32() - 1
		}
	}
	return w
}

// each calls f with every value that output (y, x) sees, and its tap.
func (w *windows) each(y, x int, f func(tap int, v float32)) {
	_, kernel, step, across, left := w.geometry[0], w.geometry[1], w.geometry[2], w.geometry[3], w.geometry[4]
	for tap := range w.rows.Kernel * kernel {
		if col := x*step + tap%kernel*across - left; col >= 0 && col < w.width {
			f(tap, w.src[w.rows.From+y*w.rows.Next+tap/kernel*w.rows.Down+col])
		}
	}
}

// TestWindows compares Weigh and Top of random windows with the definition;
// nothing outside of dst is written, and nothing outside of a row is used.
func TestWindows(t *testing.T) {
	eachShift(t, func(t *testing.T, s Shift) {
		r := rand.New(rand.NewPCG(3, 4))
		for range 500 {
			win := randomWindows(r, s)
			name := fmt.Sprintf("%v of rows of %d, %+v", win.geometry, win.width, win.rows)
			cols := win.geometry[0]
			n := win.rows.Count * cols
			w := make([]float32, win.rows.Kernel*win.geometry[1])
			for i := range w {
				w[i] = 2*r.Float32() - 1
			}
			was := make([]float32, margin+n+margin)
			for i := range was {
				was[i] = r.Float32()
			}
			for _, add := range []bool{false, true} {
				got := append([]float32(nil), was...)
				s.Weigh(got[margin:margin+n], win.src, w, win.rows, win.cols, 0.5, add)
				requireGuarded(t, was, got, n)
				for i := range n {
					want := 0.5
					if add {
						want = float64(was[margin+i])
					}
					win.each(i/cols, i%cols, func(tap int, v float32) { want += float64(w[tap]) * float64(v) })
					require.InDelta(t, want, got[margin+i], 3e-6, "output %d: %s", i, name)
				}
			}
			got := append([]float32(nil), was...)
			s.Top(got[margin:margin+n], win.src, win.rows, win.cols)
			requireGuarded(t, was, got, n)
			for i := range n {
				want := float32(math.Inf(-1))
				win.each(i/cols, i%cols, func(_ int, v float32) { want = max(want, v) })
				require.Equal(t, want, got[margin+i], "output %d: %s", i, name)
			}
		}
	})
}

func requireGuarded(t *testing.T, was, got []float32, n int) {
	t.Helper()
	require.Equal(t, was[:margin], got[:margin], "before dst")
	require.Equal(t, was[margin+n:], got[margin+n:], "behind dst")
}

// TestTopKeepsNaN: at any kernel position.
func TestTopKeepsNaN(t *testing.T) {
	eachShift(t, func(t *testing.T, s Shift) {
		for _, n := range []int{1, 7, 16, 63, 64, 100} {
			for nan := range 3 {
				src, dst := make([]float32, n+2), make([]float32, n)
				src[n-1+nan] = float32(math.NaN())
				s.Top(dst, src, Rows{Count: 1, Kernel: 1}, s.Columns(n, 3, 1, 1, 0, n+2))
				for i, v := range dst {
					seen := i <= n-1+nan && n-1+nan <= i+2
					require.Equal(t, seen, v != v, "NaN at %d, output %d", n-1+nan, i)
				}
			}
		}
	})
}
