package mil

// windows is the configuration that convolutions and pools share: kernel,
// stride and dilation per axis, padding top, bottom, left, right.
type windows struct {
	kernel, stride, dilation []int
	pad                      []int
}

func readWindows(s *Stmt, kernel []int) (w windows, err error) {
	w.kernel, w.dilation = kernel, []int{1, 1}
	if w.stride, err = vector(s, "strides", 2, 1); err != nil {
		return w, err
	}
	if s.Arg("dilations") != nil {
		if w.dilation, err = vector(s, "dilations", 2, 1); err != nil {
			return w, err
		}
	}
	w.pad, err = vector(s, "pad", 4, 0)
	return w, err
}

// span is how far the window can move along spatial axis i of x.
func (w windows) span(s *Stmt, x []int, i int) (int, error) {
	d := x[2+i] + w.pad[2*i] + w.pad[2*i+1] - w.dilation[i]*(w.kernel[i]-1) - 1
	if d < 0 {
		return 0, wrong(s, "window %s exceeds the padded input of x %s", dims(w.kernel), dims(x))
	}
	return d, nil
}

// inferConv gives (H + before + after − dilation·(k−1) − 1)/stride + 1 per
// axis. A computed weight works with batch 1 only.
func inferConv(s *Stmt) ([]Type, error) {
	x, k := s.In("x").Type.Shape, s.In("weight").Type.Shape
	g := s.Int("groups", 1)
	if g < 1 || k[0]%g != 0 || x[1] != mulDim(k[1], g) {
		return nil, wrong(s, "want x [N, C, H, W], weight [O, C/%d, kH, kW]; got %s, %s", g, dims(x), dims(k))
	}
	if def := s.In("weight").Def; x[0] != 1 && (def == nil || def.Op != "const" && !constexpr(def.Op)) {
		return nil, wrong(s, "a computed weight needs batch 1, x is %s", dims(x))
	}
	w, err := readWindows(s, k[2:])
	if err != nil {
		return nil, err
	}
	out := []int{x[0], k[0], 0, 0}
	for i := range 2 {
		d, err := w.span(s, x, i)
		if err != nil {
			return nil, err
		}
		out[2+i] = d/w.stride[i] + 1
	}
	return one(out...)
}

// inferConvTranspose gives (H−1)·stride − before − after + dilation·(k−1) + 1
// per axis; the weight is [C, O/groups, kH, kW].
func inferConvTranspose(s *Stmt) ([]Type, error) {
	x, k := s.In("x").Type.Shape, s.In("weight").Type.Shape
	g := s.Int("groups", 1)
	if g < 1 || x[1] != k[0] || k[0]%g != 0 {
		return nil, wrong(s, "want x [N, C, H, W], weight [C, O/%d, kH, kW]; got %s, %s", g, dims(x), dims(k))
	}
	w, err := readWindows(s, k[2:])
	if err != nil {
		return nil, err
	}
	out := []int{x[0], mulDim(k[1], g), 0, 0}
	for i := range 2 {
		out[2+i] = (x[2+i]-1)*w.stride[i] - w.pad[2*i] - w.pad[2*i+1] + w.dilation[i]*(k[2+i]-1) + 1
		if out[2+i] < 1 {
			return nil, wrong(s, "padding %s leaves nothing of x %s", dims(w.pad), dims(x))
		}
	}
	return one(out...)
}

// inferPool gives (H + before + after − k)/stride + 1, rounded up with
// ceil_mode if the last window starts inside the map or its leading padding.
func inferPool(s *Stmt) ([]Type, error) {
	x := s.In("x").Type.Shape
	kernel, err := vector(s, "kernel_sizes", 2, 1)
	if err != nil {
		return nil, err
	}
	w, err := readWindows(s, kernel)
	if err != nil {
		return nil, err
	}
	out := []int{x[0], x[1], 0, 0}
	for i := range 2 {
		d, err := w.span(s, x, i)
		if err != nil {
			return nil, err
		}
		out[2+i] = d/w.stride[i] + 1
		if !s.Flag("ceil_mode", false) {
			continue
		}
		if w.pad[2*i] != w.pad[2*i+1] {
			return nil, wrong(s, "ceil_mode needs symmetric padding, got %s", dims(w.pad))
		}
		if d%w.stride[i] == 0 {
			continue
		}
		switch starts := out[2+i] * w.stride[i]; {
		case starts < x[2+i]+w.pad[2*i]:
			out[2+i]++
		case w.pad[2*i] == 0: // frameworks disagree whether it counts
			return nil, wrong(s, "ceil_mode with stride %s beyond the window %s", dims(w.stride), dims(kernel))
		}
	}
	return one(out...)
}

func inferPixelShuffle(s *Stmt) ([]Type, error)   { return toSpace(s, s.Int("upscale_factor", 0)) }
func inferDepthToSpace(s *Stmt) ([]Type, error)   { return toSpace(s, s.Int("block_size", 0)) }
func inferPixelUnshuffle(s *Stmt) ([]Type, error) { return toDepth(s, s.Int("downscale_factor", 0)) }
func inferSpaceToDepth(s *Stmt) ([]Type, error)   { return toDepth(s, s.Int("block_size", 0)) }

// toSpace is [N, C·r², H, W] → [N, C, H·r, W·r].
func toSpace(s *Stmt, r int) ([]Type, error) {
	x := s.In("x").Type.Shape
	if r < 1 || x[1]%mulDim(r, r) != 0 {
		return nil, wrong(s, "channels of x %s do not divide by the square of %d", dims(x), r)
	}
	return one(x[0], x[1]/(r*r), mulDim(x[2], r), mulDim(x[3], r))
}

// toDepth is the inverse of toSpace.
func toDepth(s *Stmt, r int) ([]Type, error) {
	x := s.In("x").Type.Shape
	if r < 1 || x[2]%r != 0 || x[3]%r != 0 {
		return nil, wrong(s, "height and width of x %s do not divide by %d", dims(x), r)
	}
	return one(x[0], mulDim(x[1], mulDim(r, r)), x[2]/r, x[3]/r)
}

// border reads a [2, 2] constant: top, bottom, left, right.
func border(s *Stmt, name string) ([]int, error) {
	if t := s.In(name).Type; t.Shape[0] != 2 || t.Shape[1] != 2 {
		return nil, wrong(s, "%s is %v, want [2, 2]", name, t)
	}
	return vector(s, name, 4, 0)
}

func inferSpaceToBatch(s *Stmt) ([]Type, error) {
	x := s.In("x").Type.Shape
	b, err := vector(s, "block_shape", 2, 1)
	if err != nil {
		return nil, err
	}
	p, err := border(s, "paddings")
	if err != nil {
		return nil, err
	}
	h, w := x[2]+p[0]+p[1], x[3]+p[2]+p[3]
	if h%b[0] != 0 || w%b[1] != 0 {
		return nil, wrong(s, "padded size %d×%d does not divide by the block %s", h, w, dims(b))
	}
	return one(mulDim(x[0], mulDim(b[0], b[1])), x[1], h/b[0], w/b[1])
}

func inferBatchToSpace(s *Stmt) ([]Type, error) {
	x := s.In("x").Type.Shape
	b, err := vector(s, "block_shape", 2, 1)
	if err != nil {
		return nil, err
	}
	c, err := border(s, "crops")
	if err != nil {
		return nil, err
	}
	n := mulDim(b[0], b[1])
	if x[0]%n != 0 {
		return nil, wrong(s, "batch of x %s does not divide by the %d offsets of the block", dims(x), n)
	}
	return cropped(s, []int{x[0] / n, x[1], mulDim(x[2], b[0]), mulDim(x[3], b[1])}, c)
}

func inferCrop(s *Stmt) ([]Type, error) {
	h, err := vector(s, "crop_height", 2, 0)
	if err != nil {
		return nil, err
	}
	w, err := vector(s, "crop_width", 2, 0)
	if err != nil {
		return nil, err
	}
	return cropped(s, s.In("x").Type.Shape, append(h, w...))
}

// cropped removes top, bottom, left, right from a shape of rank 4.
func cropped(s *Stmt, x, c []int) ([]Type, error) {
	h, w := x[2]-c[0]-c[1], x[3]-c[2]-c[3]
	if h < 1 || w < 1 {
		return nil, wrong(s, "cropping %s leaves nothing of %s", dims(c), dims(x))
	}
	return one(x[0], x[1], h, w)
}

func inferUpsampleNearest(s *Stmt) ([]Type, error) {
	return scaled(s, float64(s.Int("scale_factor_height", 0)), float64(s.Int("scale_factor_width", 0)))
}

func inferUpsampleBilinear(s *Stmt) ([]Type, error) {
	return scaled(s, s.Num("scale_factor_height", 0), s.Num("scale_factor_width", 0))
}

// scaled takes whole factors only: the size that a fraction gives depends on
// rounding that nobody has measured.
func scaled(s *Stmt, h, w float64) ([]Type, error) {
	x := s.In("x").Type.Shape
	for _, f := range []float64{h, w} {
		if f < 1 || f > maxSetting || f != float64(int(f)) {
			return nil, wrong(s, "scale factor %g is not a whole number of 1 or more", f)
		}
	}
	return one(x[0], x[1], mulDim(x[2], int(h)), mulDim(x[3], int(w)))
}

func inferResize(s *Stmt) ([]Type, error) {
	return resized(s, "target_size_height", "target_size_width")
}

func resized(s *Stmt, height, width string) ([]Type, error) {
	x := s.In("x").Type.Shape
	h, w := s.Int(height, 0), s.Int(width, 0)
	if h < 1 || w < 1 {
		return nil, wrong(s, "size %d×%d is below 1", h, w)
	}
	return one(x[0], x[1], h, w)
}

func inferAffine(s *Stmt) ([]Type, error) {
	x, t := s.In("x").Type.Shape, s.In("transform_matrix").Type.Shape
	if t[0] != x[0] || t[1] != 6 {
		return nil, wrong(s, "want x [N, C, H, W], transform_matrix [N, 6]; got %s, %s", dims(x), dims(t))
	}
	return resized(s, "output_height", "output_width")
}
