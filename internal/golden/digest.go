package golden

import (
	"fmt"
	"math"
)

// Digest describes a float64 result. Values holds all of it where it is small;
// else samples stand for it.
type Digest struct {
	Shape        []int     `json:"shape"`
	Sum          float64   `json:"sum"`
	SumOfSquares float64   `json:"sum_of_squares"`
	Min          float64   `json:"min"`
	Max          float64   `json:"max"`
	CRC32        string    `json:"crc32_float32"` // identifies the run; not to be tested
	First16      []float64 `json:"first16"`
	SampleIndex  []int     `json:"sample_index"` // flat indices
	Sample       []float64 `json:"sample"`
	Values       []float64 `json:"values"`
}

// Compare holds a result to a digest and gives its relerr,
// ‖got−ref‖₂/‖ref‖₂ over all values, or over the samples and the first 16. It
// fails if
//
//   - relerr is above limit,
//   - a sample differs by more than 20·limit·(rms + |ref|), with
//     rms = √(Σref²/count),
//   - the sum differs by more than limit·√(count·Σref²), or the norm by more
//     than limit·‖ref‖: both follow from relerr ≤ limit over all values, and so
//     find an error that the samples miss.
func Compare[F float32 | float64](got []F, want *Digest, limit float64) (float64, error) {
	n, err := elems(want.Shape)
	if err != nil {
		return math.NaN(), fmt.Errorf("golden: digest: %w", err)
	}
	if len(got) != n {
		return math.NaN(), fmt.Errorf("golden: got %d values, want %d of shape %v", len(got), n, want.Shape)
	}
	if want.Values != nil {
		return compareAt(got, indices(n), want.Values, want, limit)
	}
	return compareAt(got, append(indices(len(want.First16)), want.SampleIndex...),
		append(want.First16[:len(want.First16):len(want.First16)], want.Sample...), want, limit)
}

func compareAt[F float32 | float64](got []F, at []int, ref []float64, want *Digest, limit float64) (float64, error) {
	count := float64(len(got))
	rms := math.Sqrt(want.SumOfSquares / count)
	var num, den float64
	var worst error
	for k, i := range at {
		d := math.Abs(float64(got[i]) - ref[k])
		num, den = num+d*d, den+ref[k]*ref[k]
		if bound := 20 * limit * (rms + math.Abs(ref[k])); worst == nil && !(d <= bound) {
			worst = fmt.Errorf("golden: value %d: got %v, want %v, apart by %g, limit %g", i, got[i], ref[k], d, bound)
		}
	}
	relErr := ratio(math.Sqrt(num), math.Sqrt(den))
	if !(relErr <= limit) {
		return relErr, fmt.Errorf("golden: relerr %g over %d values, limit %g (shape %v)", relErr, len(at), limit, want.Shape)
	}
	if worst != nil {
		return relErr, worst
	}
	var sum, squares float64
	for _, v := range got {
		sum += float64(v)
		squares += float64(v) * float64(v)
	}
	norm := math.Sqrt(want.SumOfSquares)
	if e := ratio(math.Abs(sum-want.Sum), norm*math.Sqrt(count)); !(e <= limit) {
		return relErr, fmt.Errorf("golden: sum: got %v, want %v, apart by %g of √(count·Σref²), limit %g", sum, want.Sum, e, limit)
	}
	if e := ratio(math.Abs(math.Sqrt(squares)-norm), norm); !(e <= limit) {
		return relErr, fmt.Errorf("golden: norm: got %v, want %v, apart by %g, limit %g", math.Sqrt(squares), norm, e, limit)
	}
	return relErr, nil
}

// ratio is a/b, or a alone where b is 0.
func ratio(a, b float64) float64 {
	if b == 0 {
		return a
	}
	return a / b
}

func indices(n int) []int {
	at := make([]int, n)
	for i := range at {
		at[i] = i
	}
	return at
}

func (d *Digest) check() error {
	n, err := elems(d.Shape)
	if err != nil {
		return err
	}
	if d.Values != nil && len(d.Values) != n {
		return fmt.Errorf("values: got %d, want %d of shape %v", len(d.Values), n, d.Shape)
	}
	if len(d.Sample) == 0 || len(d.Sample) != len(d.SampleIndex) {
		return fmt.Errorf("sample: got %d values for %d entries of sample_index", len(d.Sample), len(d.SampleIndex))
	}
	if len(d.First16) != min(16, n) {
		return fmt.Errorf("first16: got %d values, want %d", len(d.First16), min(16, n))
	}
	for i, at := range d.SampleIndex {
		if at < 0 || at >= n {
			return fmt.Errorf("sample_index[%d]: %d, want 0 to %d", i, at, n-1)
		}
	}
	if !(d.SumOfSquares >= 0) {
		return fmt.Errorf("sum_of_squares: %v, want at least 0", d.SumOfSquares)
	}
	return nil
}
