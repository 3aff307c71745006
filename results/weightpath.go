package results

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat"
)

// The published reading of the weight stream (E06): 112 GB/s, accepted while
// the median of the sizes from K = 2048 on is within 25 % of it.
const (
	WeightPathGBps      = 112.0
	WeightPathTolerance = 0.25
	weightPathTail      = 2048
)

// WeightPath is the second effective bandwidth of an engine: the rate at which
// it streams the weights of x[1,K]·W[N,K]ᵀ, K = N.
type WeightPath struct {
	Points     []*Arm  // square ones by K
	Max        Peak    // peak-GB/s
	TailMedian float64 // GB/s over K ≥ 2048
	TailCV     float64 // population standard deviation / mean of the same
	Deviation  float64 // |TailMedian − 112| / 112
}

// Holds is the published test: within 25 % of 112 GB/s.
func (w *WeightPath) Holds() bool { return w.Deviation <= WeightPathTolerance }

// WeightPath reads the weight stream of an engine kind; ok is false where no
// square product from K = 2048 on was measured.
func (f *File) WeightPath(kind string) (w *WeightPath, ok bool) {
	arms := measured(f.Points(GEMVBench), PeakGBps)
	w = &WeightPath{}
	for _, k := range Sizes(arms, "K") {
		square := keep(arms, func(a *Arm) bool { return a.Int("K") == k && a.Int("N") == k })
		if p, ok := bestOf(square, kind, PeakGBps); ok {
			w.Points = append(w.Points, p.At)
		}
	}
	var tail []float64
	for _, a := range w.Points {
		if v, _ := a.Median(PeakGBps); a.Int("K") >= weightPathTail {
			tail = append(tail, v)
		}
	}
	if len(tail) == 0 {
		return nil, false
	}
	w.Max, _ = Highest(w.Points, PeakGBps)
	slices.Sort(tail)
	n := len(tail)
	w.TailMedian = (tail[(n-1)/2] + tail[n/2]) / 2
	mean, std := stat.PopMeanStdDev(tail, nil)
	w.TailCV = std / mean
	w.Deviation = math.Abs(w.TailMedian-WeightPathGBps) / WeightPathGBps
	return w, true
}

// GEMVBytes is what x[1,K]·W[N,K]ᵀ must move: KN + K + N elements.
func GEMVBytes(k, n, bytes int) float64 {
	return (float64(k)*float64(n) + float64(k) + float64(n)) * float64(bytes)
}
