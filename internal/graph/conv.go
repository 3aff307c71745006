package graph

import "fmt"

// Conv is the cross-correlation of x [N, Cin, H, W] with W
// [Cout, Cin/Groups, kH, kW] and optional bias [Cout]:
//
//	out = (in + before + after − Dilation·(k−1) − 1)/Stride + 1 per side.
//
// Zero Stride, Dilation and Groups mean 1. W may be computed (a dynamic
// convolution).
type Conv struct {
	Stride, Dilation [2]int // height, width
	Pad              [4]int // top, bottom, left, right; zeros
	Groups           int
}

func (Conv) Name() string { return "conv" }

// Defaults replaces zero Stride, Dilation and Groups by 1.
func (c Conv) Defaults() Conv {
	c.Stride, c.Dilation, c.Groups = ones(c.Stride), ones(c.Dilation), max(c.Groups, 1)
	return c
}

func (c Conv) Infer(in []Type) ([]Type, error) {
	if err := floatsRank(in, 2, 3, 4); err != nil {
		return nil, err
	}
	c = c.Defaults()
	x, w := in[0].Shape, in[1].Shape
	if len(w) != 4 || x[1] != w[1]*c.Groups || w[0]%c.Groups != 0 {
		return nil, fmt.Errorf("want x [N,Cin,H,W], W [Cout,Cin/%d,kH,kW]; got x %v, W %v", c.Groups, x, w)
	}
	if err := checkPositive(c.Stride, c.Dilation, c.Pad); err != nil {
		return nil, err
	}
	if err := vectors(in, 2, w[0]); err != nil {
		return nil, err
	}
	out := Shape{x[0], w[0], 0, 0}
	for i := range 2 {
		span := x[2+i] + c.Pad[2*i] + c.Pad[2*i+1] - c.Dilation[i]*(w[2+i]-1) - 1
		if span < 0 {
			return nil, fmt.Errorf("filter %v is larger than the padded input of %v", w, x)
		}
		out[2+i] = span/c.Stride[i] + 1
	}
	return one(out), nil
}

func (c Conv) FLOPs(in, out []Type) float64 {
	w := in[1].Shape
	return 2 * elems(out) * float64(w[1]*w[2]*w[3])
}

// ConvTranspose scatters x [N, Cin, H, W] through W [Cin, Cout/Groups, kH, kW]
// (optional bias [Cout]): y[i·s − pad + a·d] accumulates x[i]·W[a];
//
//	out = (in − 1)·Stride − before − after + Dilation·(k−1) + OutputPad + 1.
type ConvTranspose struct {
	Stride, Dilation [2]int
	Pad              [4]int
	OutputPad        [2]int
	Groups           int
}

func (ConvTranspose) Name() string { return "conv_transpose" }

// Defaults replaces zero Stride, Dilation and Groups by 1.
func (c ConvTranspose) Defaults() ConvTranspose {
	c.Stride, c.Dilation, c.Groups = ones(c.Stride), ones(c.Dilation), max(c.Groups, 1)
	return c
}

func (c ConvTranspose) Infer(in []Type) ([]Type, error) {
	if err := floatsRank(in, 2, 3, 4); err != nil {
		return nil, err
	}
	c = c.Defaults()
	x, w := in[0].Shape, in[1].Shape
	if len(w) != 4 || x[1] != w[0] || x[1]%c.Groups != 0 {
		return nil, fmt.Errorf("want x [N,Cin,H,W], W [Cin,Cout/%d,kH,kW]; got x %v, W %v", c.Groups, x, w)
	}
	if err := checkPositive(c.Stride, c.Dilation, c.Pad); err != nil {
		return nil, err
	}
	if err := vectors(in, 2, w[1]*c.Groups); err != nil {
		return nil, err
	}
	out := Shape{x[0], w[1] * c.Groups, 0, 0}
	for i := range 2 {
		out[2+i] = (x[2+i]-1)*c.Stride[i] - c.Pad[2*i] - c.Pad[2*i+1] + c.Dilation[i]*(w[2+i]-1) + c.OutputPad[i] + 1
	}
	return one(out), nil
}

func (c ConvTranspose) FLOPs(in, _ []Type) float64 {
	w := in[1].Shape
	return 2 * float64(in[0].Shape.Elems()) * float64(w[1]*w[2]*w[3])
}

// PoolFn names a pooling function.
type PoolFn string

// The pooling functions.
const (
	MaxPool PoolFn = "max_pool" // padding never wins
	AvgPool PoolFn = "avg_pool"
	L2Pool  PoolFn = "l2_pool" // square root of the sum of squares
)

// Pool reduces windows of x [N, C, H, W]. Zero Stride means Kernel. With Ceil
// the output size is rounded up; a last window must start inside the map or
// its leading padding. An average divides by the window's area inside the
// padded map, or by the real elements only with ExcludePad.
type Pool struct {
	Fn             PoolFn
	Kernel, Stride [2]int
	Pad            [4]int // top, bottom, left, right
	Ceil           bool
	ExcludePad     bool
}

func (p Pool) Name() string { return string(p.Fn) }

// Defaults replaces a zero Stride by Kernel.
func (p Pool) Defaults() Pool {
	for i := range p.Stride {
		if p.Stride[i] == 0 {
			p.Stride[i] = p.Kernel[i]
		}
	}
	return p
}

func (p Pool) Infer(in []Type) ([]Type, error) {
	if p.Fn != MaxPool && p.Fn != AvgPool && p.Fn != L2Pool {
		return nil, fmt.Errorf("no pooling function %q", p.Fn)
	}
	if err := floatsRank(in, 1, 1, 4); err != nil {
		return nil, err
	}
	p = p.Defaults()
	if err := checkPositive(p.Stride, p.Kernel, p.Pad); err != nil {
		return nil, err
	}
	x := in[0].Shape
	out := Shape{x[0], x[1], 0, 0}
	for i := range 2 {
		before, after := p.Pad[2*i], p.Pad[2*i+1]
		if 2*max(before, after) > p.Kernel[i] {
			return nil, fmt.Errorf("padding %v is more than half of the window %v", p.Pad, p.Kernel)
		}
		span := x[2+i] + before + after - p.Kernel[i]
		if span < 0 {
			return nil, fmt.Errorf("window %v is larger than the padded input of %v", p.Kernel, x)
		}
		out[2+i] = span/p.Stride[i] + 1
		if p.Ceil && span%p.Stride[i] != 0 && out[2+i]*p.Stride[i] < x[2+i]+before {
			out[2+i]++
		}
	}
	return one(out), nil
}

func (p Pool) FLOPs(_, out []Type) float64 {
	return elems(out) * float64(p.Kernel[0]*p.Kernel[1])
}

func ones(v [2]int) [2]int {
	for i := range v {
		if v[i] == 0 {
			v[i] = 1
		}
	}
	return v
}

func checkPositive(stride, span [2]int, pad [4]int) error {
	for i := range 2 {
		if stride[i] < 1 || span[i] < 1 {
			return fmt.Errorf("stride %v and window or dilation %v must be at least 1", stride, span)
		}
	}
	for _, p := range pad {
		if p < 0 {
			return fmt.Errorf("padding %v must not be negative", pad)
		}
	}
	return nil
}
