package softane

import (
	"math"
)

func moves() map[string]build {
	return map[string]build{
		"reshape":         sameOrder,
		"squeeze":         sameOrder,
		"expand_dims":     sameOrder,
		"flatten2d":       sameOrder,
		"transpose":       transpose,
		"slice_by_size":   sliceBySize,
		"slice_by_index":  sliceByIndex,
		"reverse":         reverse,
		"tile":            tile,
		"concat":          concat,
		"stack":           stack,
		"split":           split,
		"pad":             pad,
		"fill":            fill,
		"fill_like":       fillLike,
		"range_1d":        rangeOp,
		"pixel_shuffle":   depthToSpace("upscale_factor", []int{0, 1, 4, 2, 5, 3}, false),
		"depth_to_space":  depthToSpace("block_size", []int{0, 3, 4, 1, 5, 2}, true),
		"pixel_unshuffle": spaceToDepth("downscale_factor", []int{0, 1, 3, 5, 2, 4}),
		"space_to_depth":  spaceToDepth("block_size", []int{0, 3, 5, 1, 2, 4}),
		"space_to_batch":  spaceToBatch,
		"batch_to_space":  batchToSpace,
		"crop":            crop,
	}
}

// move makes the work of a single view.
func move(v view) work {
	return work{run: func(out, in [][]float32, _ []float32) { v.copyTo(out[0], in[0]) }}
}

func sameOrder(c *call) (work, *refusal) {
	c.tensor("x")
	return work{run: func(out, in [][]float32, _ []float32) { copy(out[0], in[0]) }}, nil
}

func transpose(c *call) (work, *refusal) {
	x := c.tensor("x")
	return move(whole(x.shape).permute(c.axes("perm", len(x.shape)))), nil
}

// slice makes the work of a slice that starts at begin. Chips before the A16
// pass an offset on the last axis through a path that scales by 16: values
// beyond 4094 become infinite.
func (c *call) slice(v view, lastBegin int) work {
	if lastBegin == 0 || !c.chip.NarrowSlice {
		return move(v)
	}
	return work{run: func(out, in [][]float32, _ []float32) {
		v.copyTo(out[0], in[0])
		clampInput(out[0], out[0], narrowPath)
	}}
}

func sliceBySize(c *call) (work, *refusal) {
	x := c.tensor("x")
	begin, size := c.stmt.Ints("begin"), c.stmt.Ints("size")
	v := whole(x.shape)
	for a := range x.shape {
		v = v.cut(a, begin[a], size[a], 1)
	}
	return c.slice(v, begin[len(begin)-1]), nil
}

// sliceByIndex takes begin ≤ i < end in steps; masks drop begin, end or the axis.
func sliceByIndex(c *call) (work, *refusal) {
	x := c.tensor("x")
	begin, end, step := c.stmt.Ints("begin"), c.stmt.Ints("end"), c.stmt.Ints("stride")
	set := func(mask string, a int) bool {
		m := c.stmt.Ints(mask)
		return m != nil && m[a] != 0
	}
	v, last := whole(x.shape), 0
	for a, d := range x.shape {
		b, e, s := wrapAxis(begin[a], d), wrapAxis(end[a], d), 1
		if step != nil {
			s = step[a]
		}
		if set("begin_mask", a) {
			b = 0
		}
		if set("end_mask", a) {
			e = d
		}
		if set("squeeze_mask", a) {
			e = b + 1
		}
		v = v.cut(a, b, (e-b+s-1)/s, s)
		last = b
	}
	return c.slice(v, last), nil
}

func crop(c *call) (work, *refusal) {
	x := c.tensor("x")
	h, w := c.stmt.Ints("crop_height"), c.stmt.Ints("crop_width")
	v := whole(x.shape).cut(2, h[0], x.shape[2]-h[0]-h[1], 1).cut(3, w[0], x.shape[3]-w[0]-w[1], 1)
	return c.slice(v, w[0]), nil
}

func reverse(c *call) (work, *refusal) {
	x := c.tensor("x")
	v := whole(x.shape)
	for _, a := range c.axes("axes", len(x.shape)) {
		v = v.cut(a, x.shape[a]-1, x.shape[a], -1)
	}
	return move(v), nil
}

func tile(c *call) (work, *refusal) {
	x := c.tensor("x")
	v := whole(x.shape)
	for a, n := range c.stmt.Ints("reps") {
		v = v.repeat(2*a, n)
	}
	return move(v), nil
}

// concat joins along an axis. Before the A16, parts that are themselves slices
// with an offset on the last axis come out wrong (measured; which elements
// appear instead was not published): here every such part repeats the first.
func concat(c *call) (work, *refusal) {
	parts := c.list("values")
	out := c.out(0)
	axis := c.axis("axis", len(out))
	outer := elems(out[:axis])
	rows := make([]int, len(parts)) // elements of each part per outer position
	offset := 0
	for i, p := range parts {
		rows[i] = elems(p.shape[axis:])
		if p.def != nil && widthOffset(p.def) {
			offset++
		}
	}
	source := func(i int) int { return i }
	if c.chip.NarrowSlice && offset >= 2 {
		source = func(i int) int {
			if widthOffset(parts[i].def) && rows[i] == rows[0] {
				return 0
			}
			return i
		}
	}
	return work{run: func(out, in [][]float32, _ []float32) {
		at := 0
		for o := range outer {
			for i, n := range rows {
				at += copy(out[0][at:at+n], in[source(i)][o*n:])
			}
		}
	}}, nil
}

func stack(c *call) (work, *refusal) {
	parts := c.list("values")
	out := c.out(0)
	inner := elems(out[c.axis("axis", len(out))+1:])
	outer := parts[0].elems() / inner
	return work{run: func(out, in [][]float32, _ []float32) {
		at := 0
		for o := range outer {
			for i := range in {
				at += copy(out[0][at:at+inner], in[i][o*inner:])
			}
		}
	}}, nil
}

func split(c *call) (work, *refusal) {
	x := c.tensor("x")
	axis := c.axis("axis", len(x.shape))
	n := c.out(0)[axis]
	views := make([]view, len(c.stmt.Results))
	for i := range views {
		views[i] = whole(x.shape).cut(axis, i*n, n, 1)
	}
	return work{run: func(out, in [][]float32, _ []float32) {
		for i, v := range views {
			v.copyTo(out[i], in[0])
		}
	}}, nil
}

// depthToSpace moves blocks of channels into the image: view the channels as
// (block, block, C), or (C, block, block) if channel-major, and interleave.
func depthToSpace(param string, perm []int, blockMajor bool) build {
	return func(c *call) (work, *refusal) {
		x, b := c.tensor("x"), c.stmt.Int(param, 1)
		n, ch, h, w := x.shape[0], x.shape[1]/(b*b), x.shape[2], x.shape[3]
		dims := []int{n, ch, b, b, h, w}
		if blockMajor {
			dims = []int{n, b, b, ch, h, w}
		}
		return move(whole(dims).permute(perm)), nil
	}
}

// spaceToDepth is the inverse, from the view (N, C, H, block, W, block).
func spaceToDepth(param string, perm []int) build {
	return func(c *call) (work, *refusal) {
		x, b := c.tensor("x"), c.stmt.Int(param, 1)
		dims := []int{x.shape[0], x.shape[1], x.shape[2] / b, b, x.shape[3] / b, b}
		return move(whole(dims).permute(perm)), nil
	}
}

// spaceToBatch pads, then moves the offset (i, j) within each block to batch
// (i·bw+j)·N + n.
func spaceToBatch(c *call) (work, *refusal) {
	x := c.tensor("x")
	b, p := c.stmt.Ints("block_shape"), c.stmt.Ints("paddings")
	n, ch := x.shape[0], x.shape[1]
	padded := []int{n, ch, x.shape[2] + p[0] + p[1], x.shape[3] + p[2] + p[3]}
	border := gather(x.shape, [][]int{nil, nil, padMap("constant", x.shape[2], p[0], p[1]), padMap("constant", x.shape[3], p[2], p[3])})
	v := whole([]int{n, ch, padded[2] / b[0], b[0], padded[3] / b[1], b[1]}).permute([]int{3, 5, 0, 1, 2, 4})
	total := elems(padded)
	return work{scratch: total, run: func(out, in [][]float32, scratch []float32) {
		border.copyTo(scratch[:total], in[0], 0)
		v.copyTo(out[0], scratch[:total])
	}}, nil
}

// batchToSpace is the inverse, then crops.
func batchToSpace(c *call) (work, *refusal) {
	x := c.tensor("x")
	b, p := c.stmt.Ints("block_shape"), c.stmt.Ints("crops")
	n, ch, h, w := x.shape[0]/(b[0]*b[1]), x.shape[1], x.shape[2], x.shape[3]
	full := []int{n, ch, h * b[0], w * b[1]}
	v := whole([]int{b[0], b[1], n, ch, h, w}).permute([]int{2, 3, 4, 0, 5, 1})
	cut := whole(full).cut(2, p[0], full[2]-p[0]-p[1], 1).cut(3, p[2], full[3]-p[2]-p[3], 1)
	total := elems(full)
	return work{scratch: total, run: func(out, in [][]float32, scratch []float32) {
		v.copyTo(scratch[:total], in[0])
		cut.copyTo(out[0], scratch[:total])
	}}, nil
}

// pad surrounds x: a pair (before, after) per axis.
func pad(c *call) (work, *refusal) {
	x := c.tensor("x")
	p, mode, value := c.stmt.Ints("pad"), c.stmt.Word("mode", "constant"), c.num("constant_val", 0)
	maps := make([][]int, len(x.shape))
	for a, d := range x.shape {
		maps[a] = padMap(mode, d, p[2*a], p[2*a+1])
	}
	g := gather(x.shape, maps)
	return work{run: func(out, in [][]float32, _ []float32) { g.copyTo(out[0], in[0], value) }}, nil
}

// padMap gives the source index of each index along a padded axis; -1 is the
// border's value.
func padMap(mode string, d, before, after int) []int {
	m := make([]int, before+d+after)
	for i := range m {
		src := i - before
		switch {
		case src >= 0 && src < d:
		case mode == "replicate":
			src = min(max(src, 0), d-1)
		case mode == "reflect":
			if src < 0 {
				src = -src
			} else {
				src = 2*(d-1) - src
			}
		default:
			src = -1
		}
		m[i] = src
	}
	return m
}

// picks selects elements by a source index per axis; nil is all of the axis.
type picks struct {
	offsets [][]int // per axis: offset of each index, or -1
}

func gather(shape []int, maps [][]int) picks {
	st := strides(shape)
	t := picks{make([][]int, len(shape))}
	for a, m := range maps {
		if m == nil {
			for i := range shape[a] {
				m = append(m, i)
			}
		}
		for _, i := range m {
			off := -1
			if i >= 0 {
				off = i * st[a]
			}
			t.offsets[a] = append(t.offsets[a], off)
		}
	}
	return t
}

// copyTo writes the picked elements in row-major order; border stands for -1.
func (t picks) copyTo(dst, src []float32, border float32) { t.axis(0, 0, dst, src, border) }

func (t picks) axis(a, base int, dst, src []float32, border float32) {
	n := len(dst) / len(t.offsets[a])
	for i, off := range t.offsets[a] {
		switch part := dst[i*n : (i+1)*n]; {
		case off < 0:
			for j := range part {
				part[j] = border
			}
		case a == len(t.offsets)-1:
			part[0] = src[base+off]
		default:
			t.axis(a+1, base+off, part, src, border)
		}
	}
}

func fill(c *call) (work, *refusal) {
	value := c.num("value", 0)
	return work{run: func(out, _ [][]float32, _ []float32) { setAll(out[0], value) }}, nil
}

func fillLike(c *call) (work, *refusal) {
	c.tensor("ref_tensor")
	return fill(c)
}

func setAll(v []float32, value float32) {
	for i := range v {
		v[i] = value
	}
}

func rangeOp(c *call) (work, *refusal) {
	start, step := float64(c.num("start", 0)), float64(c.num("step", 1))
	return work{round: nearest, run: func(out, _ [][]float32, _ []float32) {
		for i := range out[0] {
			out[0][i] = float32(math.FMA(float64(i), step, start))
		}
	}}, nil
}
