package cpu

import "devicemap/internal/accelerate"

// appleShared bounds what a step keeps in the memory that workers share,
// patches or scores, in values: 16 MiB.
const appleShared = 4 << 20

// planConv makes a BNNS layer of a convolution with constant weights; BNNS
// refuses groups. Others are products, and depthwise ones the embedded set's.
func (s *appleSet) planConv(c *compiler, p convolution) step {
	if s.bnns && p.Groups == 1 && p.fixed {
		if st, err := s.planLayer(c, p); err == nil {
			return st
		}
	}
	if p.filter[1]*p.filter[2]*p.filter[3] > directDepth {
		if st, err := s.planPatches(c, p); err == nil {
			return st
		}
	}
	return s.base.conv(c, p)
}

// appleLayer is p for BNNS.
func appleLayer(p convolution, threads int) accelerate.Convolution {
	return accelerate.Convolution{In: [3]int(p.in[1:]), Out: [3]int(p.out[1:]), Kernel: [2]int(p.filter[2:]), Stride: p.Stride,
		Dilation: p.Dilation, Pad: p.Pad, Weights: p.w, Bias: p.bias, Threads: threads}
}

func (s *appleSet) planLayer(c *compiler, p convolution) (step, error) {
	f, err := s.lib.NewConvolution(appleLayer(p, s.threads))
	if err != nil {
		return nil, err
	}
	c.release = append(c.release, f.Close)
	return step{{items: 1, grain: 1, body: func(w *worker, _, _ int) {
		if err := f.Apply(p.in[0], p.x, p.y); err != nil {
			w.fail(err)
		}
	}}}, nil
}

// planPatches computes y [filters, pixels] = w [filters, depth] · patches
// [depth, pixels] for each sample and group, in blocks of whole output rows.
// The patches of a filter of one value are the input itself.
func (s *appleSet) planPatches(c *compiler, p convolution) (step, error) {
	channels, filters := p.filter[1], p.filter[0]/p.Groups // of a group
	area, pixels, plane := p.filter[2]*p.filter[3], p.out[2]*p.out[3], p.in[2]*p.in[3]
	depth := channels * area
	x := appleMatrices{Product: accelerate.Product{M: filters, N: pixels, K: depth, LDA: depth, LDB: pixels, LDC: pixels}, a: p.w, c: p.y}
	var steps step
	if area == 1 && p.Stride == [2]int{1, 1} && p.Pad == [4]int{} {
		x.b = p.x
		for i := range p.in[0] * p.Groups {
			x.aAt = append(x.aAt, i%p.Groups*filters*depth)
			x.bAt = append(x.bAt, i*channels*plane)
			x.cAt = append(x.cAt, i*filters*pixels)
		}
		st, err := s.multiply(x)
		if err != nil {
			return nil, err
		}
		return append(st, s.addChannelBias(c, p)...), nil
	}
	block := min(p.out[2], max(1, appleShared/(depth*p.out[3]))) // output rows
	c.needShared(depth * block * p.out[3])
	for i := range p.in[0] * p.Groups {
		for from := 0; from < p.out[2]; from += block {
			to := min(from+block, p.out[2])
			n := (to - from) * p.out[3]
			x.N, x.LDB = n, n
			x.aAt, x.bAt, x.cAt = []int{i % p.Groups * filters * depth}, []int{0}, []int{i*filters*pixels + from*p.out[3]}
			st, err := s.multiply(x)
			if err != nil {
				return nil, err
			}
			src := p.x[i*channels*plane:][:channels*plane]
			steps = append(steps, c.loop(depth, float64(n), func(w *worker, lo, hi int) {
				for row := lo; row < hi; row++ {
					appleUnfold(&p, w.shared[row*n:][:n], src[row/area*plane:][:plane], row%area, from, to)
				}
			}))
			steps = append(steps, st...)
		}
	}
	return append(steps, s.addChannelBias(c, p)...), nil
}

// appleUnfold writes what the output rows [from, to) see of one input plane at one
// position of the filter: dst [to−from, oW], zeros where that is padding.
func appleUnfold(p *convolution, dst, plane []float32, tap, from, to int) {
	h, w, ow := p.in[2], p.in[3], p.out[3]
	shift := tap%p.filter[3]*p.Dilation[1] - p.Pad[2] // input column of output column 0
	first := min(ow, ceilDiv(max(-shift, 0), p.Stride[1]))
	last := max(first, min(ow, ceilDiv(max(w-shift, 0), p.Stride[1])))
	for oy := from; oy < to; oy++ {
		line := dst[(oy-from)*ow:][:ow]
		iy := oy*p.Stride[0] - p.Pad[0] + tap/p.filter[3]*p.Dilation[0]
		if iy < 0 || iy >= h || first == last {
			clear(line)
			continue
		}
		clear(line[:first])
		clear(line[last:])
		every(line[first:last], plane[iy*w:][first*p.Stride[1]+shift:w], p.Stride[1])
	}
}

// addChannelBias adds to each output plane its channel's bias.
func (s *appleSet) addChannelBias(c *compiler, p convolution) step {
	if p.bias == nil {
		return nil
	}
	pixels := p.out[2] * p.out[3]
	return step{c.loop(p.out[0]*p.out[1], 0.3*float64(pixels), func(_ *worker, lo, hi int) {
		for i := lo; i < hi; i++ {
			y := p.y[i*pixels : (i+1)*pixels]
			s.shift(y, y, p.bias[i%p.out[1]])
		}
	})}
}

// planAttention computes the scores of several heads' blocks of queries in the
// workers' shared memory: a product, the rows' softmax on all workers, and a
// product. One query is the embedded set's: its products have one row.
func (s *appleSet) planAttention(c *compiler, p attention) step {
	if p.queries == 1 {
		return s.base.attention(c, p)
	}
	block := min(p.queries, max(1, appleShared/p.keys))
	group := min(p.heads, max(1, appleShared/(block*p.keys)))
	c.needShared(group * block * p.keys)
	weigh := p.weigher(c.kernels)
	var steps step
	for head := 0; head < p.heads; head += group {
		for from := 0; from < p.queries; from += block {
			n, heads := min(block, p.queries-from), min(group, p.heads-head)
			scores := appleMatrices{a: p.q, b: p.k,
				Product: accelerate.Product{M: n, N: p.keys, K: p.d, TransB: true, LDA: p.d, LDB: p.d, LDC: p.keys}}
			results := appleMatrices{b: p.v, c: p.y,
				Product: accelerate.Product{M: n, N: p.dv, K: p.keys, LDA: p.keys, LDB: p.dv, LDC: p.dv}}
			for i := range heads {
				h := head + i
				at := i * n * p.keys
				scores.aAt, scores.bAt, scores.cAt = append(scores.aAt, (h*p.queries+from)*p.d), append(scores.bAt, h*p.keys*p.d), append(scores.cAt, at)
				results.aAt, results.bAt, results.cAt = append(results.aAt, at), append(results.bAt, h*p.keys*p.dv), append(results.cAt, (h*p.queries+from)*p.dv)
			}
			first, err := s.multiply(scores)
			if err != nil {
				return s.base.attention(c, p)
			}
			last, err := s.multiply(results)
			if err != nil {
				return s.base.attention(c, p)
			}
			steps = append(append(steps, first...), c.loop(heads*n, 3*float64(p.keys), func(w *worker, lo, hi int) {
				for i := lo; i < hi; i++ {
					weigh(w.shared[i*p.keys:][:p.keys], head+i/n, from+i%n)
				}
			}))
			steps = append(steps, last...)
		}
	}
	return steps
}
