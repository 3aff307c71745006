package cpu

import (
	"maps"

	"devicemap/internal/accelerate"
	"devicemap/internal/graph"
)

// appleCall is one step of an elementwise function, with its scalars.
type appleCall struct {
	f accelerate.Func
	k []float32
}

// appleUnary spells u in calls, the later ones in place. It is nil for
// functions that take more of them than one pass of the embedded set is worth.
func appleUnary(u graph.Unary) []appleCall {
	a, b := float32(u.A), float32(u.B)
	of := func(f accelerate.Func, k ...float32) appleCall { return appleCall{f, k} }
	return map[graph.UnaryFn][]appleCall{
		graph.ReLU:            {of(accelerate.Threshold, 0)},
		graph.Threshold:       {of(accelerate.Threshold, a)},
		graph.ThresholdedReLU: {of(accelerate.Keep, a)},
		graph.ReLU6:           {of(accelerate.Clip, 0, 6)},
		graph.Clip:            {of(accelerate.Clip, a, b)},
		graph.LinearAct:       {of(accelerate.Affine, a, b)},
		graph.SigmoidHard:     {of(accelerate.Affine, a, b), of(accelerate.Clip, 0, 1)},
		graph.MulScalar:       {of(accelerate.MulScalar, a)},
		graph.AddScalar:       {of(accelerate.AddScalar, a)},
		graph.Square:          {of(accelerate.Square)},
		graph.Abs:             {of(accelerate.Abs)},
		graph.Sqrt:            {of(accelerate.Sqrt)},
		graph.Rsqrt:           {of(accelerate.AddScalar, a), of(accelerate.Rsqrt)},
		graph.Inverse:         {of(accelerate.AddScalar, a), of(accelerate.Reciprocal)},
		graph.Log:             {of(accelerate.AddScalar, a), of(accelerate.Log)},
		graph.Exp:             {of(accelerate.Exp)},
		graph.Exp2:            {of(accelerate.Exp2)},
		graph.Sin:             {of(accelerate.Sin)},
		graph.Cos:             {of(accelerate.Cos)},
		graph.Atan:            {of(accelerate.Atan)},
		graph.Tanh:            {of(accelerate.Tanh)},
		graph.ScaledTanh:      {of(accelerate.MulScalar, b), of(accelerate.Tanh), of(accelerate.MulScalar, a)},
		graph.Sigmoid:         {of(accelerate.Neg), of(accelerate.Exp), of(accelerate.AddScalar, 1), of(accelerate.Reciprocal)},
		graph.Floor:           {of(accelerate.Floor)},
		graph.Ceil:            {of(accelerate.Ceil)},
		graph.Round:           {of(accelerate.Nearest)},
	}[u.Fn]
}

var appleBinaries = map[graph.BinaryFn]accelerate.Func{
	graph.Add: accelerate.VAdd, graph.Sub: accelerate.VSub, graph.Mul: accelerate.VMul, graph.Div: accelerate.VDiv,
	graph.Maximum: accelerate.VMax, graph.Minimum: accelerate.VMin, graph.Pow: accelerate.Pow,
}

// chain gives u as calls over blocks that stay in L1, or nil where it has none
// or the system lacks one.
func (s *appleSet) chain(u graph.Unary) func(dst, x []float32) {
	var calls []func(dst, x []float32)
	for _, c := range appleUnary(u) {
		f := s.lib.Map(c.f, c.k...)
		if f == nil {
			return nil
		}
		calls = append(calls, f)
	}
	switch len(calls) {
	case 0:
		return nil
	case 1:
		return calls[0]
	}
	return func(dst, x []float32) {
		for from := 0; from < len(x); from += blockElems {
			to := min(from+blockElems, len(x))
			block := dst[from:to]
			calls[0](block, x[from:to])
			for _, f := range calls[1:] {
				f(block, block)
			}
		}
	}
}

func (s *appleSet) unaryKernel(u graph.Unary) func(dst, x []float32) {
	if s.unary[u.Fn] {
		return s.chain(u)
	}
	return s.base.unary(u)
}

func (s *appleSet) binaryKernel(fn graph.BinaryFn) func(dst, a, b []float32) {
	if f, ok := s.binary[fn]; ok {
		return s.lib.Zip(f)
	}
	return s.base.binary(fn)
}

// appleSum is how many values are summed in float32; sums of such blocks are
// added in float64.
const appleSum = 1 << 10

// appleSums and appleExtremes are the reductions over contiguous values.
var (
	appleSums = map[graph.ReduceFn]accelerate.Func{
		graph.Sum: accelerate.Sum, graph.Mean: accelerate.Sum, graph.LogSum: accelerate.Sum, graph.L1Norm: accelerate.SumAbs,
		graph.SumSquare: accelerate.SumSquares, graph.L2NormSum: accelerate.SumSquares,
	}
	appleExtremes = map[graph.ReduceFn]accelerate.Func{graph.Max: accelerate.Max, graph.Min: accelerate.Min}
)

func (s *appleSet) folds() map[graph.ReduceFn]fold {
	all := maps.Clone(s.base.fold)
	for fn, f := range all {
		if sum := s.fold[appleSums[fn]]; sum != nil {
			f.lift = func(x []float32) partial {
				total := 0.0
				for ; len(x) > appleSum; x = x[appleSum:] {
					total += float64(sum(x[:appleSum]))
				}
				return partial{sum: total + float64(sum(x))}
			}
		}
		if extreme := s.fold[appleExtremes[fn]]; extreme != nil {
			f.lift = func(x []float32) partial { return partial{top: float64(extreme(x))} }
		}
		all[fn] = f
	}
	return all
}

// appleSoftmax is the least length of a row that is worth five calls.
const appleSoftmax = 128

func (s *appleSet) hasSoftmax() bool {
	s.exp = s.lib.Map(accelerate.Exp)
	return s.scalars && s.unary[graph.Exp] && s.fold[accelerate.Max] != nil && s.fold[accelerate.Sum] != nil
}

func (s *appleSet) softmax(dst, x []float32) {
	if len(x) < appleSoftmax {
		s.base.softmax(dst, x)
		return
	}
	s.lib.Shift(dst, x, -s.fold[accelerate.Max](x))
	s.exp(dst, dst)
	total := 0.0
	for rest := dst; len(rest) > 0; rest = rest[min(appleSum, len(rest)):] {
		total += float64(s.fold[accelerate.Sum](rest[:min(appleSum, len(rest))]))
	}
	s.lib.Scale(dst, dst, float32(1/total))
}

// shift is dst = x + k.
func (s *appleSet) shift(dst, x []float32, k float32) {
	if s.scalars {
		s.lib.Shift(dst, x, k)
		return
	}
	for i, v := range x {
		dst[i] = v + k
	}
}
