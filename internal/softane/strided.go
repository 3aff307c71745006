package softane

import "slices"

// view reads a row-major tensor in another order: element (i0, i1, …) of the
// result is src[base + Σ i·stride]. All moves of data are views.
type view struct {
	dims, strides []int
	base          int
}

// elems is the number of elements of a shape.
func elems(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}

// strides are the row-major strides of a shape.
func strides(shape []int) []int {
	st := make([]int, len(shape))
	n := 1
	for i := len(shape) - 1; i >= 0; i-- {
		st[i] = n
		n *= shape[i]
	}
	return st
}

// whole is the view that changes nothing.
func whole(shape []int) view { return view{slices.Clone(shape), strides(shape), 0} }

// permute reorders the axes: axis i of the result is axis perm[i].
func (v view) permute(perm []int) view {
	r := view{make([]int, len(perm)), make([]int, len(perm)), v.base}
	for i, p := range perm {
		r.dims[i], r.strides[i] = v.dims[p], v.strides[p]
	}
	return r
}

// cut takes size elements from begin in steps of step along axis.
func (v view) cut(axis, begin, size, step int) view {
	v.dims, v.strides = slices.Clone(v.dims), slices.Clone(v.strides)
	v.base += begin * v.strides[axis]
	v.dims[axis] = size
	v.strides[axis] *= step
	return v
}

// repeat inserts an axis of n equal copies before axis.
func (v view) repeat(axis, n int) view {
	v.dims = slices.Insert(slices.Clone(v.dims), axis, n)
	v.strides = slices.Insert(slices.Clone(v.strides), axis, 0)
	return v
}

// copyTo writes the view's elements to dst in row-major order.
func (v view) copyTo(dst, src []float32) {
	v = v.merged()
	last := len(v.dims) - 1
	n, step := v.dims[last], v.strides[last]
	index := make([]int, last)
	at := v.base
	for off := 0; off < len(dst); off += n {
		row := dst[off : off+n]
		switch step {
		case 1:
			copy(row, src[at:])
		case 0:
			for i := range row {
				row[i] = src[at]
			}
		default:
			for i, p := 0, at; i < n; i, p = i+1, p+step {
				row[i] = src[p]
			}
		}
		for a := last - 1; a >= 0; a-- {
			index[a]++
			at += v.strides[a]
			if index[a] < v.dims[a] {
				break
			}
			at -= v.strides[a] * v.dims[a]
			index[a] = 0
		}
	}
}

// merged joins neighbouring axes that one stride walks, and drops axes of 1.
func (v view) merged() view {
	r := view{base: v.base}
	for i, d := range v.dims {
		k := len(r.dims) - 1
		switch {
		case d == 1:
		case k >= 0 && r.strides[k] == d*v.strides[i]:
			r.dims[k] *= d
			r.strides[k] = v.strides[i]
		default:
			r.dims = append(r.dims, d)
			r.strides = append(r.strides, v.strides[i])
		}
	}
	if len(r.dims) == 0 {
		r.dims, r.strides = []int{1}, []int{1}
	}
	return r
}

// broadcast views a tensor of the given shape as one of shape out: missing
// leading axes and axes of 1 repeat.
func broadcast(shape, out []int) view {
	v := whole(shape)
	r := view{dims: slices.Clone(out), strides: make([]int, len(out))}
	for i := range shape {
		if j := i + len(out) - len(shape); shape[i] != 1 {
			r.strides[j] = v.strides[i]
		}
	}
	return r
}
