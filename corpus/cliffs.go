package corpus

import (
	"errors"
	"fmt"
	"math"

	"devicemap/device"
	"devicemap/internal/fp16"
	"devicemap/internal/graph"
)

// Cliff is the magnitude at which an engine's arithmetic goes wrong without a
// word (measurement E16).
type Cliff struct {
	Found       bool
	Last, First float64 // the largest magnitude seen right, the smallest seen wrong
	Note        string  // why nothing was found
}

// Value is Last as published, to one decimal.
func (c Cliff) Value() float64 { return math.Round(c.Last*10) / 10 }

// The published searches.
const (
	MatmulLow, MatmulHigh = 30000.0, 40000.0
	SliceLow, SliceHigh   = 3000.0, 60000.0
	bisectWidth           = 2.0
	ReduceLow, ReduceHigh = 2040, 2079
	reduceTerms           = 8
)

// MatmulLengths are the published inner dimensions of the matmul search.
func MatmulLengths() []int { return []int{4, 8, 32, 64, 128} }

// Bisect searches [lo, hi] for the border between right and wrong, down to the
// published width. A wrong low end or a right high end is no cliff, and Note
// says which.
func Bisect(lo, hi float64, right func(v float64) (bool, error)) (Cliff, error) {
	for _, end := range []struct {
		v    float64
		want bool
		note string
	}{
		{lo, true, "already wrong at the low end, %g"},
		{hi, false, "still right at the high end, %g"},
	} {
		ok, err := right(end.v)
		if err != nil {
			return Cliff{}, err
		}
		if ok != end.want {
			return Cliff{Note: fmt.Sprintf(end.note, end.v)}, nil
		}
	}
	for hi-lo > bisectWidth {
		mid := (lo + hi) / 2
		ok, err := right(mid)
		if err != nil {
			return Cliff{}, err
		}
		if ok {
			lo = mid
		} else {
			hi = mid
		}
	}
	return Cliff{Found: true, Last: lo, First: hi}, nil
}

// MatmulCliff searches for the output magnitude that becomes infinite: x [1,k]
// of half(v/k) times a matrix of ones [k,16]. The largest finite total is
// quantised with v/k.
func MatmulCliff(load Loader, k int) (Cliff, error) {
	b := graph.New(fmt.Sprintf("matmul_cliff_K%d", k))
	x := b.Input("x", 1, k)
	b.Output("y", b.MatMul(x, b.Const("ones", graph.F32(repeated(1, 16*k)), k, 16)))
	return search(load, b, MatmulLow, MatmulHigh, func(v float64) []float32 {
		return repeated(float32(fp16.Round(v/float64(k))), k)
	})
}

// SliceCliff searches for the magnitude that a crop of one column on the left
// turns infinite: x [1,1,1,8], zero but for index 4.
func SliceCliff(load Loader) (Cliff, error) {
	b := graph.New("slice_cliff")
	b.Output("y", b.Apply(graph.Crop{Left: 1}, b.Input("x", 1, 1, 1, 8)))
	return search(load, b, SliceLow, SliceHigh, func(v float64) []float32 {
		x := make([]float32, 8)
		x[4] = float32(fp16.Round(v))
		return x
	})
}

// search bisects for the largest magnitude whose outputs are all finite.
func search(load Loader, b *graph.Builder, lo, hi float64, input func(v float64) []float32) (c Cliff, err error) {
	p, done, err := loadBuilt(load, b)
	if err != nil {
		return Cliff{}, err
	}
	defer done(&err)
	return Bisect(lo, hi, func(v float64) (bool, error) {
		y, err := p.Compute([][]float32{input(v)})
		if errors.Is(err, device.ErrSaturated) { // the silicon's way to report what is searched for
			return false, nil
		}
		return err == nil && allFinite(y), err
	})
}

// ReduceCliff searches for the first integer total that a sum of eight small
// integers misses, from 2040 to 2079; got is what it gave instead.
func ReduceCliff(load Loader) (c Cliff, got float64, err error) {
	b := graph.New("reduce_cliff")
	b.Output("y", b.Apply(graph.Reduce{Fn: graph.Sum, Axes: []int{1}}, b.Input("x", 1, reduceTerms)))
	p, done, err := loadBuilt(load, b)
	if err != nil {
		return Cliff{}, 0, err
	}
	defer done(&err)
	for total := ReduceLow; total <= ReduceHigh; total++ {
		y, err := p.Compute([][]float32{terms(total)})
		if err != nil {
			return Cliff{}, 0, err
		}
		if float64(y[0]) != float64(total) {
			return Cliff{Found: true, Last: float64(total - 1), First: float64(total)}, float64(y[0]), nil
		}
	}
	return Cliff{Note: fmt.Sprintf("still exact at %d", ReduceHigh)}, 0, nil
}

// terms are eight integers, equal or one apart, with the given sum.
func terms(total int) []float32 {
	x := repeated(float32(total/reduceTerms), reduceTerms)
	for i := range total % reduceTerms {
		x[i]++
	}
	return x
}

// loadBuilt compiles b; done closes the program and keeps the first error.
func loadBuilt(load Loader, b *graph.Builder) (p Loaded, done func(*error), err error) {
	g, err := b.Build()
	if err != nil {
		return nil, nil, err
	}
	if p, err = load(g); err != nil {
		return nil, nil, err
	}
	return p, func(e *error) {
		if cerr := p.Close(); *e == nil {
			*e = cerr
		}
	}, nil
}
