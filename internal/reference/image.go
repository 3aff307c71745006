package reference

import (
	"math"

	"devicemap/internal/graph"
)

// nchw gives the flat index of [n, c, h, w] in an image of shape s.
func nchw(s graph.Shape, n, c, h, w int) int { return ((n*s[1]+c)*s[2]+h)*s[3] + w }

func pixelShuffle(op graph.PixelShuffle, in []tensor, out graph.Shape) []float64 {
	r := op.R
	return moved(out, in[0], func(at []int) int {
		return nchw(in[0].shape, at[0], at[1]*r*r+at[2]%r*r+at[3]%r, at[2]/r, at[3]/r)
	})
}

func pixelUnshuffle(op graph.PixelUnshuffle, in []tensor, out graph.Shape) []float64 {
	r := op.R
	return moved(out, in[0], func(at []int) int {
		return nchw(in[0].shape, at[0], at[1]/(r*r), at[2]*r+at[1]/r%r, at[3]*r+at[1]%r)
	})
}

func spaceToDepth(op graph.SpaceToDepth, in []tensor, out graph.Shape) []float64 {
	b, channels := op.Block, in[0].shape[1]
	return moved(out, in[0], func(at []int) int {
		offset := at[1] / channels
		return nchw(in[0].shape, at[0], at[1]%channels, at[2]*b+offset/b, at[3]*b+offset%b)
	})
}

func depthToSpace(op graph.DepthToSpace, in []tensor, out graph.Shape) []float64 {
	b, channels := op.Block, out[1]
	return moved(out, in[0], func(at []int) int {
		return nchw(in[0].shape, at[0], (at[2]%b*b+at[3]%b)*channels+at[1], at[2]/b, at[3]/b)
	})
}

// batchIndex is the index of sample n's part with the offset (i, j) inside
// block.
func batchIndex(order graph.BlockOrder, block [2]int, samples, n, i, j int) int {
	if order == graph.BatchMajor {
		return (n*block[0]+i)*block[1] + j
	}
	return (i*block[1]+j)*samples + n
}

func spaceToBatch(op graph.SpaceToBatch, in []tensor, out graph.Shape) []float64 {
	x := in[0]
	y := make([]float64, out.Elems())
	for n := range x.shape[0] {
		for i := range op.Block[0] {
			for j := range op.Block[1] {
				b := batchIndex(op.Order, op.Block, x.shape[0], n, i, j)
				walk(out[1:], func(_ int, at []int) {
					h, w := at[1]*op.Block[0]+i-op.Pad[0], at[2]*op.Block[1]+j-op.Pad[2]
					if h >= 0 && h < x.shape[2] && w >= 0 && w < x.shape[3] {
						y[nchw(out, b, at[0], at[1], at[2])] = x.at(nchw(x.shape, n, at[0], h, w))
					}
				})
			}
		}
	}
	return y
}

func batchToSpace(op graph.BatchToSpace, in []tensor, out graph.Shape) []float64 {
	return moved(out, in[0], func(at []int) int {
		h, w := at[2]+op.Crop[0], at[3]+op.Crop[2]
		b := batchIndex(op.Order, op.Block, out[0], at[0], h%op.Block[0], w%op.Block[1])
		return nchw(in[0].shape, b, at[1], h/op.Block[0], w/op.Block[1])
	})
}

func crop(op graph.Crop, in []tensor, out graph.Shape) []float64 {
	return moved(out, in[0], func(at []int) int {
		return nchw(in[0].shape, at[0], at[1], at[2]+op.Top, at[3]+op.Left)
	})
}

func resize(op graph.Resize, in []tensor, out graph.Shape) []float64 {
	x := in[0]
	height, width := x.shape[2], x.shape[3]
	if !op.Bilinear() {
		return moved(out, x, func(at []int) int {
			return nchw(x.shape, at[0], at[1], at[2]*height/out[2], at[3]*width/out[3])
		})
	}
	y := make([]float64, out.Elems())
	walk(out, func(i int, at []int) {
		h := source(at[2], height, out[2], op.AlignCorners)
		w := source(at[3], width, out[3], op.AlignCorners)
		y[i] = bilinear(h, w, func(r, c int) float64 {
			return x.at(nchw(x.shape, at[0], at[1], min(max(r, 0), height-1), min(max(c, 0), width-1)))
		})
	})
	return y
}

// source is the coordinate on n input pixels of output pixel o of m.
func source(o, n, m int, alignCorners bool) float64 {
	if !alignCorners {
		return (float64(o)+0.5)*float64(n)/float64(m) - 0.5
	}
	if m == 1 {
		return 0
	}
	return float64(o) * float64(n-1) / float64(m-1)
}

// bilinear interpolates between the four pixels around (h, w).
func bilinear(h, w float64, pixel func(r, c int) float64) float64 {
	r, c := math.Floor(h), math.Floor(w)
	dh, dw := h-r, w-c
	r0, c0 := int(r), int(c)
	return (1-dh)*((1-dw)*pixel(r0, c0)+dw*pixel(r0, c0+1)) + dh*((1-dw)*pixel(r0+1, c0)+dw*pixel(r0+1, c0+1))
}

func affine(op graph.Affine, in []tensor, out graph.Shape) []float64 {
	x, t := in[0], in[1].floats()
	height, width := x.shape[2], x.shape[3]
	y := make([]float64, out.Elems())
	walk(out, func(i int, at []int) {
		gy, gx := grid(at[2], out[2], op.AlignCorners), grid(at[3], out[3], op.AlignCorners)
		m := t[6*at[0] : 6*at[0]+6]
		w := pixelAt(m[0]*gx+m[1]*gy+m[2], width, op.AlignCorners)
		h := pixelAt(m[3]*gx+m[4]*gy+m[5], height, op.AlignCorners)
		if !(h > -1 && h < float64(height) && w > -1 && w < float64(width)) {
			return // all four neighbours lie outside and read 0
		}
		y[i] = bilinear(h, w, func(r, c int) float64 {
			if r < 0 || r >= height || c < 0 || c >= width {
				return 0
			}
			return x.at(nchw(x.shape, at[0], at[1], r, c))
		})
	})
	return y
}

// grid is the position in [−1, 1] of pixel o of n; pixelAt is its inverse.
func grid(o, n int, alignCorners bool) float64 {
	switch {
	case !alignCorners:
		return (2*float64(o)+1)/float64(n) - 1
	case n == 1:
		return 0
	}
	return 2*float64(o)/float64(n-1) - 1
}

func pixelAt(g float64, n int, alignCorners bool) float64 {
	if alignCorners {
		return (g + 1) / 2 * float64(n-1)
	}
	return ((g+1)*float64(n) - 1) / 2
}
