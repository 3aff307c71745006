package onednn

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// system opens the installed library on a locked thread, or skips.
func system(t testing.TB) *Lib {
	t.Helper()
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	l, err := Load(2)
	if errors.Is(err, ErrUnavailable) {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

func context(t testing.TB, l *Lib) *Context {
	t.Helper()
	x, err := l.NewContext()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, x.Close()) })
	return x
}

func noise(n int) []float32 {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	v := make([]float32, n)
	for i := range v {
		v[i] = 2*r.Float32() - 1
	}
	return v
}

// tensor is a memory over dense data.
func tensor(t testing.TB, x *Context, data []float32, dims ...int) *Memory {
	t.Helper()
	l, err := x.Dense(F32, dims...)
	require.NoError(t, err)
	m, err := x.NewMemory(l, data)
	require.NoError(t, err)
	return m
}

// run calls p with its operands and the scratch memory that it wants.
func run(t testing.TB, p *Primitive, args ...Arg) {
	t.Helper()
	if p.Scratch != nil {
		m, err := p.x.NewMemory(p.Scratch, Alloc(p.Scratch.Bytes()))
		require.NoError(t, err)
		args = append(args, Arg{Scratchpad, m})
	}
	c, err := p.Call(args...)
	require.NoError(t, err)
	require.NoError(t, c.Run())
}

// close32 holds got to want, within limit of the largest value.
func close32(t testing.TB, want []float64, got []float32, limit float64) {
	t.Helper()
	require.Len(t, got, len(want))
	top, worst := 1e-30, 0.0
	for i, w := range want {
		top, worst = max(top, math.Abs(w)), max(worst, math.Abs(w-float64(got[i])))
	}
	require.LessOrEqual(t, worst/top, limit)
}

// bound holds a call of every kind of operation to plain loops.
var bound = []struct {
	name string
	run  func(t *testing.T, x *Context) (want []float64, got []float32)
}{
	{"matmul", func(t *testing.T, x *Context) ([]float64, []float32) {
		const m, n, k = 7, 5, 3
		a, b, bias, c := noise(m*k), noise(n*k), noise(n), make([]float32, m*n)
		want := make([]float64, m*n)
		for i := range want {
			want[i] = float64(bias[i%n])
			for j := range k {
				want[i] += float64(a[i/n*k+j]) * float64(b[i%n*k+j])
			}
		}
		turned, err := x.Strided(F32, []int{k, n}, []int{1, k})
		require.NoError(t, err)
		weights, err := x.NewMemory(turned, b)
		require.NoError(t, err)
		src, shift, dst := tensor(t, x, a, m, k), tensor(t, x, bias, 1, n), tensor(t, x, c, m, n)
		p, err := x.Matmul(src.Layout, turned, shift.Layout, dst.Layout)
		require.NoError(t, err)
		run(t, p, Arg{Src, src}, Arg{Weights, weights}, Arg{Bias, shift}, Arg{Dst, dst})
		return want, c
	}},
	{"convolution", func(t *testing.T, x *Context) ([]float64, []float32) {
		// 2 groups of 2 channels to 3, a 2×3 window, stride 2 down, dilation 2 across.
		const g, ch, f, h, w, kh, kw, oh, ow = 2, 2, 3, 5, 6, 2, 3, 3, 4
		a, b, bias, c := noise(g*ch*h*w), noise(g*f*ch*kh*kw), noise(g*f), make([]float32, g*f*oh*ow)
		var want []float64
		for o := range g * f {
			for i := range oh * ow {
				sum := float64(bias[o])
				for j := range ch * kh * kw {
					y, z := i/ow*2-1+j/kw%kh, i%ow-1+j%kw*2
					if y >= 0 && y < h && z >= 0 && z < w {
						sum += float64(a[((o/f*ch+j/(kh*kw))*h+y)*w+z]) * float64(b[o*ch*kh*kw+j])
					}
				}
				want = append(want, sum)
			}
		}
		src, weights := tensor(t, x, a, 1, g*ch, h, w), tensor(t, x, b, g, f, ch, kh, kw)
		shift, dst := tensor(t, x, bias, g*f), tensor(t, x, c, 1, g*f, oh, ow)
		win := Window{Stride: [2]int{2, 1}, Dilation: [2]int{1, 2}, Before: [2]int{1, 1}, After: [2]int{0, 1}}
		p, err := x.Convolution(src.Layout, weights.Layout, shift.Layout, dst.Layout, win)
		require.NoError(t, err)
		run(t, p, Arg{Src, src}, Arg{Weights, weights}, Arg{Bias, shift}, Arg{Dst, dst})
		return want, c
	}},
	{"pooling", func(t *testing.T, x *Context) ([]float64, []float32) {
		const ch, h, w = 3, 4, 6
		a, c := noise(ch*h*w), make([]float32, ch*h/2*w/3)
		var want []float64
		for i := range c {
			top := math.Inf(-1)
			for j := range 6 {
				top = max(top, float64(a[(i/4*4+i/2%2*2+j/3)*w+i%2*3+j%3]))
			}
			want = append(want, top)
		}
		src, dst := tensor(t, x, a, 1, ch, h, w), tensor(t, x, c, 1, ch, h/2, w/3)
		win := Window{Stride: [2]int{2, 3}, Dilation: [2]int{1, 1}}
		p, err := x.Pooling(MaxPool, src.Layout, dst.Layout, [2]int{2, 3}, win)
		require.NoError(t, err)
		run(t, p, Arg{Src, src}, Arg{Dst, dst})
		return want, c
	}},
	{"softmax", func(t *testing.T, x *Context) ([]float64, []float32) {
		return rows(t, x, func(l *Layout) (*Primitive, error) { return x.Softmax(false, l, 1) }, softmax)
	}},
	{"log softmax", func(t *testing.T, x *Context) ([]float64, []float32) {
		return rows(t, x, func(l *Layout) (*Primitive, error) { return x.Softmax(true, l, 1) }, func(r []float64) {
			softmax(r)
			for i, v := range r {
				r[i] = math.Log(v)
			}
		})
	}},
	{"layer norm", func(t *testing.T, x *Context) ([]float64, []float32) {
		gamma, beta := noise(9), noise(9)
		return rows(t, x, func(l *Layout) (*Primitive, error) { return x.LayerNorm(l, 1e-5) }, func(r []float64) {
			var mean, variance float64
			for _, v := range r {
				mean += v / 9
			}
			for _, v := range r {
				variance += (v - mean) * (v - mean) / 9
			}
			for i, v := range r {
				r[i] = (v-mean)/math.Sqrt(variance+1e-5)*float64(gamma[i]) + float64(beta[i])
			}
		}, Arg{Scale, tensor(t, x, gamma, 9)}, Arg{Shift, tensor(t, x, beta, 9)})
	}},
	{"binary", func(t *testing.T, x *Context) ([]float64, []float32) {
		b := noise(9)
		l, err := x.Dense(F32, 1, 9)
		require.NoError(t, err)
		return rows(t, x, func(s *Layout) (*Primitive, error) { return x.Binary(Sub, s, l, s) }, func(r []float64) {
			for i := range r {
				r[i] -= float64(b[i])
			}
		}, Arg{Src1, tensor(t, x, b, 1, 9)})
	}},
	{"reduction", func(t *testing.T, x *Context) ([]float64, []float32) {
		a, c := noise(4*9), make([]float32, 4)
		want := make([]float64, 4)
		for i, v := range a {
			want[i/9] += float64(v) / 9
		}
		src, dst := tensor(t, x, a, 4, 9), tensor(t, x, c, 4, 1)
		p, err := x.Reduction(ReduceMean, src.Layout, dst.Layout)
		require.NoError(t, err)
		run(t, p, Arg{Src, src}, Arg{Dst, dst})
		return want, c
	}},
	{"reorder", func(t *testing.T, x *Context) ([]float64, []float32) {
		return rows(t, x, func(l *Layout) (*Primitive, error) { return x.Reorder(l, l) }, func([]float64) {})
	}},
}

func softmax(r []float64) {
	sum := 0.0
	for i, v := range r {
		r[i] = math.Exp(v)
		sum += r[i]
	}
	for i := range r {
		r[i] /= sum
	}
}

// rows runs an operation on a tensor [4, 9], whose meaning is f on each row.
func rows(t *testing.T, x *Context, op func(*Layout) (*Primitive, error), f func(r []float64), more ...Arg) ([]float64, []float32) {
	a, c := noise(4*9), make([]float32, 4*9)
	want := make([]float64, len(a))
	for i, v := range a {
		want[i] = float64(v)
	}
	for i := range 4 {
		f(want[9*i : 9*i+9])
	}
	src, dst := tensor(t, x, a, 4, 9), tensor(t, x, c, 4, 9)
	p, err := op(src.Layout)
	require.NoError(t, err)
	run(t, p, append(more, Arg{Src, src}, Arg{Dst, dst})...)
	return want, c
}

// functions32 are the elementwise functions with α = 0.3 and β = 0.7.
var functions32 = map[Eltwise]func(x float64) float64{
	ReLU: func(x float64) float64 { return max(x, 0.3*x) }, Tanh: math.Tanh,
	ELU: func(x float64) float64 {
		if x > 0 {
			return x
		}
		return 0.3 * math.Expm1(x)
	},
	Square: func(x float64) float64 { return x * x }, Abs: math.Abs,
	Sqrt:     math.Sqrt,
	Linear:   func(x float64) float64 { return 0.3*x + 0.7 },
	Logistic: func(x float64) float64 { return 1 / (1 + math.Exp(-x)) }, Exp: math.Exp,
	GELUTanh: func(x float64) float64 { return x / 2 * (1 + math.Tanh(math.Sqrt(2/math.Pi)*(x+0.044715*x*x*x))) },
	Swish:    func(x float64) float64 { return x / (1 + math.Exp(-0.3*x)) },
	Clip:     func(x float64) float64 { return min(max(x, 0.3), 0.7) },
	GELUErf:  func(x float64) float64 { return x / 2 * (1 + math.Erf(x/math.Sqrt2)) },
}

func TestOperations(t *testing.T) {
	l := system(t)
	t.Logf("oneDNN %s, %s, %d threads", l.Version(), l.ISA(), l.Threads())
	for _, b := range bound {
		t.Run(b.name, func(t *testing.T) {
			want, got := b.run(t, context(t, l))
			close32(t, want, got, 1e-6)
		})
	}
	require.Len(t, functions32, eltwiseCount)
	for fn, f := range functions32 {
		t.Run(fmt.Sprint("eltwise ", fn), func(t *testing.T) {
			x := context(t, l)
			a, c := noise(99), make([]float32, 99)
			var want []float64
			for i := range a {
				if fn == Sqrt {
					a[i] = max(a[i], -a[i])
				}
				want = append(want, f(float64(a[i])))
			}
			src, dst := tensor(t, x, a, 99), tensor(t, x, c, 99)
			p, err := x.Eltwise(fn, src.Layout, 0.3, 0.7)
			require.NoError(t, err)
			run(t, p, Arg{Src, src}, Arg{Dst, dst})
			close32(t, want, c, 1e-6)
		})
	}
}

// TestPost: functions are applied in order, with their parameters.
func TestPost(t *testing.T) {
	x := context(t, system(t))
	a, b, c := []float32{1, 2}, []float32{3, -1}, make([]float32, 1)
	src, weights, dst := tensor(t, x, a, 1, 2), tensor(t, x, b, 2, 1), tensor(t, x, c, 1, 1)
	p, err := x.Matmul(src.Layout, weights.Layout, nil, dst.Layout, Post{Linear, 2, -7}, Post{ReLU, 0.5, 0}, Post{Square, 0, 0})
	require.NoError(t, err)
	run(t, p, Arg{Src, src}, Arg{Weights, weights}, Arg{Dst, dst})
	require.Equal(t, []float32{6.25}, c) // 1 → 2·1 − 7 = −5 → −2.5 → 6.25
}

// TestOpenLayouts: a convolution in layouts of the library's choice gives what
// the one in plain layouts does.
func TestOpenLayouts(t *testing.T) {
	x := context(t, system(t))
	const ch, side = 20, 7
	a, b := noise(ch*side*side), noise(ch*ch*9)
	open := func(dims ...int) *Layout {
		l, err := x.Any(F32, dims...)
		require.NoError(t, err)
		return l
	}
	moved := func(m *Memory, to *Layout, data []float32) *Memory {
		out, err := x.NewMemory(to, data)
		require.NoError(t, err)
		r, err := x.Reorder(m.Layout, to)
		require.NoError(t, err)
		run(t, r, Arg{Src, m}, Arg{Dst, out})
		return out
	}
	win := Window{Stride: [2]int{1, 1}, Dilation: [2]int{1, 1}, Before: [2]int{1, 1}, After: [2]int{1, 1}}
	want := make([]float32, len(a))
	src, weights, dst := tensor(t, x, a, 1, ch, side, side), tensor(t, x, b, ch, ch, 3, 3), tensor(t, x, want, 1, ch, side, side)
	plain, err := x.Convolution(src.Layout, weights.Layout, nil, dst.Layout, win)
	require.NoError(t, err)
	run(t, plain, Arg{Src, src}, Arg{Weights, weights}, Arg{Dst, dst})

	p, err := x.Convolution(open(1, ch, side, side), open(ch, ch, 3, 3), nil, open(1, ch, side, side), win)
	require.NoError(t, err)
	in := moved(src, p.Layout(Src), Alloc(p.Layout(Src).Bytes()))
	filter := moved(weights, p.Layout(Weights), Alloc(p.Layout(Weights).Bytes()))
	out, err := x.NewMemory(p.Layout(Dst), Alloc(p.Layout(Dst).Bytes()))
	require.NoError(t, err)
	run(t, p, Arg{Src, in}, Arg{Weights, filter}, Arg{Dst, out})
	got := make([]float32, len(a))
	moved(out, dst.Layout, got)
	require.InDeltaSlice(t, want, got, 1e-4)
}

func TestRunDoesNotAllocate(t *testing.T) {
	x := context(t, system(t))
	m := tensor(t, x, noise(64), 8, 8)
	p, err := x.Eltwise(ReLU, m.Layout, 0, 0)
	require.NoError(t, err)
	c, err := p.Call(Arg{Src, m}, Arg{Dst, m})
	require.NoError(t, err)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if c.Run() != nil {
			panic("failed")
		}
	}))
}
