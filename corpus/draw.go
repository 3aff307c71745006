package corpus

import (
	"fmt"
	"hash/crc32"
	"math"
	"sync"

	"devicemap/internal/fp16"
	"devicemap/internal/rng"
)

// Scaling is how NumPy multiplies a float32 array by a float64 scalar, which
// decides the last bits of weights scaled by 1/√n.
type Scaling uint8

// The scaling rules.
const (
	NumPy1 Scaling = iota // the product is rounded to float32, then to a half
	NumPy2                // the product is float64 until it becomes a half
)

// dist is a distribution of halves, made from standard normals z.
type dist struct {
	scale    float64
	root     int  // not 0: the scale is 1/√root, a float64 scalar
	positive bool // |scale·z| + 0.5
	shift    float64
}

// normal is z·scale rounded to a half.
func normal(scale float64) dist { return dist{scale: scale} }

// positive is |z·scale| + 0.5 rounded to a half.
func positive(scale float64) dist { return dist{scale: scale, positive: true} }

// rooted is z/√n rounded to a half.
func rooted(n int) dist { return dist{scale: 1 / math.Sqrt(float64(n)), root: n} }

// shifted is z + shift, added in float64, rounded to a half.
func shifted(shift float64) dist { return dist{scale: 1, shift: shift} }

// array is one drawn tensor of a case.
type array struct {
	name  string
	input bool // a graph input; else a constant
	dist  dist
	shape []int
	given []float32 // instead of a draw: fixed values

	half []uint16  // the values
	wide []float32 // the values before their rounding to halves
}

// in declares a drawn graph input, w a drawn constant.
func in(name string, d dist, shape ...int) *array {
	return &array{name: name, input: true, dist: d, shape: shape}
}

func w(name string, d dist, shape ...int) *array { return &array{name: name, dist: d, shape: shape} }

// fixed declares a graph input with given values, held a constant with given
// values.
func fixed(name string, values []float32, shape ...int) *array {
	return &array{name: name, input: true, given: values, shape: shape}
}

func held(name string, values []float32, shape ...int) *array {
	return &array{name: name, given: values, shape: shape}
}

func (a *array) elems() int {
	n := 1
	for _, d := range a.shape {
		n *= d
	}
	return n
}

// values are the halves as float32s, in memory of their own.
func (a *array) values() []float32 {
	out := make([]float32, len(a.half))
	fp16.Decode(out, a.half)
	return out
}

// fill draws the array from s.
func (a *array) fill(s *rng.Source, rule Scaling) {
	n := a.elems()
	a.half = make([]uint16, n)
	switch {
	case a.given != nil:
		a.wide = a.given
	case a.dist.shift != 0:
		a.wide = make([]float32, n)
		for i := range a.wide {
			a.wide[i] = float32(fp16.Round(s.Normal() + a.dist.shift))
		}
	case a.dist.root != 0 && rule == NumPy2:
		a.wide = make([]float32, n)
		s.Fill(a.wide, 1, 0)
		for i, z := range a.wide {
			a.wide[i] = float32(fp16.Round(float64(z) * a.dist.scale))
		}
	default:
		a.wide = make([]float32, n)
		s.Fill(a.wide, 1, 0)
		a.dist.apply(a.wide)
	}
	fp16.Encode(a.half, a.wide)
}

// apply scales normals in float32, as NumPy does for a Python scalar.
func (d dist) apply(z []float32) {
	scale := float32(d.scale)
	for i, x := range z {
		x *= scale
		if d.positive {
			x = float32(math.Abs(float64(x))) + 0.5
		}
		z[i] = x
	}
}

// stream is one generator and the arrays that consume it, in order. The
// arrays are drawn together when the first is needed.
type stream struct {
	seed   uint64
	rule   Scaling
	keep   bool // keep the values before rounding
	arrays []*array
	once   sync.Once
}

func (s *stream) draw() {
	s.once.Do(func() {
		src := rng.New(s.seed)
		for _, a := range s.arrays {
			a.fill(src, s.rule)
			if !s.keep {
				a.wide = nil
			}
		}
	})
}

// Fingerprint identifies the drawn arrays of a case.
type Fingerprint struct {
	Arrays, Values int
	CRC            uint32 // IEEE, over little-endian halves in draw order
}

func (f Fingerprint) String() string {
	return fmt.Sprintf("%d arrays, %d values, CRC %08x", f.Arrays, f.Values, f.CRC)
}

func fingerprint(arrays []*array) Fingerprint {
	f := Fingerprint{Arrays: len(arrays)}
	for _, a := range arrays {
		f.Values += len(a.half)
		buf := make([]byte, 0, 2*len(a.half))
		for _, h := range a.half {
			buf = append(buf, byte(h), byte(h>>8))
		}
		f.CRC = crc32.Update(f.CRC, crc32.IEEETable, buf)
	}
	return f
}
