package lower

import (
	"slices"

	"devicemap/internal/graph"
	"devicemap/internal/mil"
)

func pixelShuffle(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	return one(l.op("pixel_shuffle", mil.Int("upscale_factor", n.Op.(graph.PixelShuffle).R), mil.In("x", l.in(n, 0))))
}

func pixelUnshuffle(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	return one(l.op("pixel_unshuffle", mil.UInt("downscale_factor", uint32(n.Op.(graph.PixelUnshuffle).R)), mil.In("x", l.in(n, 0))))
}

func spaceToDepth(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	return one(l.op("space_to_depth", mil.Int("block_size", n.Op.(graph.SpaceToDepth).Block), mil.In("x", l.in(n, 0))))
}

func depthToSpace(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	return one(l.op("depth_to_space", mil.Int("block_size", n.Op.(graph.DepthToSpace).Block), mil.In("x", l.in(n, 0))))
}

// spaceToBatch moves the block's offsets into the batch at rank 4: rows first,
// then columns.
func spaceToBatch(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	op, x := n.Op.(graph.SpaceToBatch), l.in(n, 0)
	x = l.border(x, op.Pad, 0)
	s := x.Type.Shape
	batch, c, bh, bw := s[0], s[1], op.Block[0], op.Block[1]
	h, w := s[2]/bh, s[3]/bw
	x = l.transpose(l.reshape(x, batch, c*h, bh, s[3]), 0, 2, 1, 3) // [N, bh, C·h, W]
	x = l.transpose(l.reshape(x, batch*bh, c*h, w, bw), 0, 3, 1, 2) // [N·bh, bw, C·h, w]
	if op.Order == graph.OffsetMajor {
		x = l.transpose(l.reshape(x, batch, bh*bw, c*h, w), 1, 0, 2, 3)
	}
	return one(l.reshape(x, batch*bh*bw, c, h, w))
}

// batchToSpace is spaceToBatch backwards.
func batchToSpace(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	op, x := n.Op.(graph.BatchToSpace), l.in(n, 0)
	s, bh, bw := x.Type.Shape, op.Block[0], op.Block[1]
	batch, c, h, w := s[0]/(bh*bw), s[1], s[2], s[3]
	if op.Order == graph.OffsetMajor {
		x = l.transpose(l.reshape(x, bh*bw, batch, c*h, w), 1, 0, 2, 3)
	}
	x = l.transpose(l.reshape(x, batch*bh, bw, c*h, w), 0, 2, 3, 1) // [N·bh, C·h, w, bw]
	x = l.transpose(l.reshape(x, batch, bh, c*h, w*bw), 0, 2, 1, 3) // [N, C·h, bh, W]
	x = l.reshape(x, batch, c, h*bh, w*bw)
	size := []int{batch, c, h*bh - op.Crop[0] - op.Crop[1], w*bw - op.Crop[2] - op.Crop[3]}
	return one(l.window(x, []int{0, 0, op.Crop[0], op.Crop[2]}, size, nil))
}

// crop is native, but for an offset in width where that counts as an offset
// of a slice on the last axis; see [lowering.window].
func crop(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	op, x := n.Op.(graph.Crop), l.in(n, 0)
	if op.Left > 0 && l.chip.NarrowSlice {
		return one(l.window(x, []int{0, 0, op.Top, op.Left}, n.Out[0].Shape, nil))
	}
	return one(l.op("crop", mil.Ints("crop_height", op.Top, op.Bottom), mil.Ints("crop_width", op.Left, op.Right), mil.In("x", x)))
}

// resize uses the native operation where its grid is the graph's. The native
// bilinear resize has half-pixel centres in no mode, so that case is a product
// with one matrix of weights per axis.
func resize(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	op, x := n.Op.(graph.Resize), l.in(n, 0)
	in, out := n.In[0].Shape[2:], n.Out[0].Shape[2:]
	switch {
	case op.Fn == graph.UpsampleNearest:
		return one(l.op("upsample_nearest_neighbor", mil.Int("scale_factor_height", op.Scale[0]), mil.Int("scale_factor_width", op.Scale[1]), mil.In("x", x)))
	case op.Fn == graph.UpsampleBilinear:
		return one(l.op("upsample_bilinear", mil.Flag("align_corners", op.AlignCorners), mil.Single("scale_factor_height", float32(op.Scale[0])),
			mil.Single("scale_factor_width", float32(op.Scale[1])), mil.In("x", x)))
	case op.Fn == graph.ResizeNearest:
		return one(l.op("resize_nearest_neighbor", mil.Int("target_size_height", out[0]), mil.Int("target_size_width", out[1]), mil.In("x", x)))
	case op.AlignCorners:
		return one(l.op("resize_bilinear", mil.Word("sampling_mode", "ALIGN_CORNERS"), mil.Int("target_size_height", out[0]),
			mil.Int("target_size_width", out[1]), mil.In("x", x)))
	}
	y := l.matmul(x, l.Weight("columns", halfPixel(in[1], out[1]), out[1], in[1]), true)
	y = l.matmul(l.swapLast(y), l.Weight("rows", halfPixel(in[0], out[0]), out[0], in[0]), true)
	return one(l.swapLast(y))
}

// halfPixel is the matrix [out, in] of bilinear sampling with half-pixel
// centres along one axis: source (o+½)·in/out − ½, neighbours clamped.
func halfPixel(in, out int) []float32 {
	m := make([]float32, out*in)
	for o := range out {
		at := (float64(o)+0.5)*float64(in)/float64(out) - 0.5
		low := int(at+1) - 1 // floor, for at ≥ −1
		f := at - float64(low)
		m[o*in+min(max(low, 0), in-1)] += float32(1 - f)
		m[o*in+min(max(low+1, 0), in-1)] += float32(f)
	}
	return m
}

func affine(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	if !l.chip.Texture {
		return nil, l.none("it needs the texture engine, from A14 on")
	}
	if n.In[1].Const == nil {
		return nil, l.none("the matrices must be constant")
	}
	op := n.Op.(graph.Affine)
	return one(l.op("affine", mil.Flag("align_corners", op.AlignCorners), mil.Word("coordinates_mode", "normalized_minus_one_to_one"),
		mil.Int("output_height", op.Size[0]), mil.Int("output_width", op.Size[1]), mil.Word("padding_mode", "constant"),
		mil.Half("padding_value", 0), mil.Word("sampling_mode", "bilinear"), mil.In("transform_matrix", l.in(n, 1)), mil.In("x", l.in(n, 0))))
}

// window is the contiguous view of a flattened operand.
func window(l *lowering, n *graph.Node) ([]*mil.Value, error) {
	x := l.in(n, 0)
	from := 0
	switch op := n.Op.(type) {
	case graph.InputView:
		from = op.Offset
	case graph.DynamicSlice:
		from = op.Start
	}
	column := l.reshape(x, n.In[0].Shape.Elems(), 1)
	return one(l.reshape(l.cut(column, 0, from, n.Out[0].Shape[0]), slices.Clone(n.Out[0].Shape)...))
}
