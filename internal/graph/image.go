package graph

import "fmt"

// PixelShuffle is y[n,c,h·R+i,w·R+j] = x[n,c·R²+i·R+j,h,w] (channel-major, as
// in PyTorch): [N, C·R², H, W] → [N, C, H·R, W·R].
type PixelShuffle struct {
	moves
	R int
}

func (PixelShuffle) Name() string { return "pixel_shuffle" }

func (p PixelShuffle) Infer(in []Type) ([]Type, error) { return depthToSpace(in, p.R) }

// PixelUnshuffle is the inverse of [PixelShuffle].
type PixelUnshuffle struct {
	moves
	R int
}

func (PixelUnshuffle) Name() string { return "pixel_unshuffle" }

func (p PixelUnshuffle) Infer(in []Type) ([]Type, error) { return spaceToDepth(in, p.R) }

// SpaceToDepth is y[n,(i·B+j)·C+c,h,w] = x[n,c,h·B+i,w·B+j] (block-major, as in
// TensorFlow). As a bridge operation it is called space_to_channel.
type SpaceToDepth struct {
	moves
	Block  int
	Bridge bool // the native layer instead of the fused operation
}

func (s SpaceToDepth) Name() string {
	if s.Bridge {
		return "space_to_channel"
	}
	return "space_to_depth"
}

func (s SpaceToDepth) Infer(in []Type) ([]Type, error) { return spaceToDepth(in, s.Block) }

// DepthToSpace is the inverse of [SpaceToDepth]; as a bridge operation it is
// called channel_to_space.
type DepthToSpace struct {
	moves
	Block  int
	Bridge bool
}

func (d DepthToSpace) Name() string {
	if d.Bridge {
		return "channel_to_space"
	}
	return "depth_to_space"
}

func (d DepthToSpace) Infer(in []Type) ([]Type, error) { return depthToSpace(in, d.Block) }

func spaceToDepth(in []Type, r int) ([]Type, error) {
	if err := floatsRank(in, 1, 1, 4); err != nil {
		return nil, err
	}
	x := in[0].Shape
	if r < 1 || x[2]%r != 0 || x[3]%r != 0 {
		return nil, fmt.Errorf("height and width of %v do not divide by the block %d", x, r)
	}
	return one(Shape{x[0], x[1] * r * r, x[2] / r, x[3] / r}), nil
}

func depthToSpace(in []Type, r int) ([]Type, error) {
	if err := floatsRank(in, 1, 1, 4); err != nil {
		return nil, err
	}
	x := in[0].Shape
	if r < 1 || x[1]%(r*r) != 0 {
		return nil, fmt.Errorf("channels of %v do not divide by the square of the block %d", x, r)
	}
	return one(Shape{x[0], x[1] / (r * r), x[2] * r, x[3] * r}), nil
}

// BlockOrder says where the block's offset stands in the batch index.
type BlockOrder uint8

// The orders of a space-to-batch index.
const (
	OffsetMajor BlockOrder = iota // (i·bw+j)·N + n, as in MIL and TensorFlow
	BatchMajor                    // (n·bh+i)·bw + j, the native layer
)

// SpaceToBatch pads x [N, C, H, W] with zeros and moves the offset (i, j)
// inside each Block into the batch: y[b,c,h,w] = x[n,c,h·bh+i,w·bw+j] with b
// by Order.
type SpaceToBatch struct {
	moves
	Block [2]int
	Pad   [4]int // top, bottom, left, right
	Order BlockOrder
}

func (SpaceToBatch) Name() string { return "space_to_batch" }

func (s SpaceToBatch) Infer(in []Type) ([]Type, error) {
	if err := floatsRank(in, 1, 1, 4); err != nil {
		return nil, err
	}
	if err := checkPositive(s.Block, s.Block, s.Pad); err != nil {
		return nil, err
	}
	x := in[0].Shape
	h, w := x[2]+s.Pad[0]+s.Pad[1], x[3]+s.Pad[2]+s.Pad[3]
	if h%s.Block[0] != 0 || w%s.Block[1] != 0 {
		return nil, fmt.Errorf("padded size %d×%d does not divide by the block %v", h, w, s.Block)
	}
	return one(Shape{x[0] * s.Block[0] * s.Block[1], x[1], h / s.Block[0], w / s.Block[1]}), nil
}

// BatchToSpace is the inverse of [SpaceToBatch]: first the rearrangement, then
// Crop rows and columns are removed.
type BatchToSpace struct {
	moves
	Block [2]int
	Crop  [4]int // top, bottom, left, right
	Order BlockOrder
}

func (BatchToSpace) Name() string { return "batch_to_space" }

func (s BatchToSpace) Infer(in []Type) ([]Type, error) {
	if err := floatsRank(in, 1, 1, 4); err != nil {
		return nil, err
	}
	if err := checkPositive(s.Block, s.Block, s.Crop); err != nil {
		return nil, err
	}
	x := in[0].Shape
	if b := s.Block[0] * s.Block[1]; x[0]%b != 0 {
		return nil, fmt.Errorf("batch %d does not divide by the block's %d offsets", x[0], b)
	}
	out := Shape{x[0] / (s.Block[0] * s.Block[1]), x[1],
		x[2]*s.Block[0] - s.Crop[0] - s.Crop[1], x[3]*s.Block[1] - s.Crop[2] - s.Crop[3]}
	return one(out), nil
}

// Crop removes rows and columns of x [N, C, H, W].
type Crop struct {
	moves
	Top, Bottom, Left, Right int
}

func (Crop) Name() string { return "crop" }

func (c Crop) Infer(in []Type) ([]Type, error) {
	if err := floatsRank(in, 1, 1, 4); err != nil {
		return nil, err
	}
	x := in[0].Shape
	if min(c.Top, c.Bottom, c.Left, c.Right) < 0 {
		return nil, fmt.Errorf("cannot crop by %+v", c)
	}
	return one(Shape{x[0], x[1], x[2] - c.Top - c.Bottom, x[3] - c.Left - c.Right}), nil
}

// ResizeFn names a resampling operation of x [N, C, H, W].
type ResizeFn string

// The resampling operations.
const (
	UpsampleNearest  ResizeFn = "upsample"                // pixels repeated Scale times
	UpsampleBilinear ResizeFn = "upsample_bilinear"       // to Scale times the size
	ResizeNearest    ResizeFn = "resize_nearest_neighbor" // to Size; source floor(o·in/out)
	ResizeBilinear   ResizeFn = "resize_bilinear"         // to Size
)

// Resize resamples height and width: the upsampling functions by the integer
// Scale, the others to Size. Bilinear sampling uses half-pixel centres,
// source (o+½)·in/out − ½ with neighbours clamped to the edge, or aligns the
// corners, source o·(in−1)/(out−1).
type Resize struct {
	Fn           ResizeFn
	Scale        [2]int
	Size         [2]int
	AlignCorners bool // bilinear only
}

func (r Resize) Name() string { return string(r.Fn) }

// Bilinear reports whether values are interpolated.
func (r Resize) Bilinear() bool { return r.Fn == UpsampleBilinear || r.Fn == ResizeBilinear }

func (r Resize) Infer(in []Type) ([]Type, error) {
	if err := floatsRank(in, 1, 1, 4); err != nil {
		return nil, err
	}
	x := in[0].Shape
	switch r.Fn {
	case UpsampleNearest, UpsampleBilinear:
		return one(Shape{x[0], x[1], x[2] * r.Scale[0], x[3] * r.Scale[1]}), nil
	case ResizeNearest, ResizeBilinear:
		return one(Shape{x[0], x[1], r.Size[0], r.Size[1]}), nil
	}
	return nil, fmt.Errorf("no resampling function %q", r.Fn)
}

func (r Resize) FLOPs(_, out []Type) float64 {
	if r.Bilinear() {
		return 7 * elems(out)
	}
	return 0
}

// Affine samples x [N, C, H, W] bilinearly at the points that the matrices
// T [N, 6], row-major 2×3, map the output grid to. Both grids span [−1, 1],
// by the corners' centres with AlignCorners, else by their outer edges; points
// outside read 0.
type Affine struct {
	Size         [2]int // of the output
	AlignCorners bool
}

func (Affine) Name() string { return "affine" }

func (a Affine) Infer(in []Type) ([]Type, error) {
	if err := floatsRank(in, 2, 2, 4); err != nil {
		return nil, err
	}
	x, t := in[0].Shape, in[1].Shape
	if len(t) != 2 || t[0] != x[0] || t[1] != 6 {
		return nil, fmt.Errorf("want x [N,C,H,W], T [N,6]; got x %v, T %v", x, t)
	}
	return one(Shape{x[0], x[1], a.Size[0], a.Size[1]}), nil
}

func (Affine) FLOPs(_, out []Type) float64 { return 7 * elems(out) }
