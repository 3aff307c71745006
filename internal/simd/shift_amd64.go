package simd

// Gather writes rows of width ≤ 64 values without gaps: lane i of row r is
// src[at[r] + run.From + i] for the run with bit i of Lanes set, and 0 where no
// run has it. Each lane is in at most one run. Widths that are no multiple
// of the level's vectors (16 or 8 values) are not fast.
func (s Shift) Gather(dst []float32, width int, src []float32, at []int, runs []Run) {
	switch {
	case len(at) == 0:
	case s.Level == AVX512 && width%16 == 0:
		for v := 0; v < width; v += 16 {
			gatherVector(gatherAVX512, 1<<16-1, dst, width, v, src, at, runs)
		}
	case s.Level == AVX2 && width%8 == 0:
		for v := 0; v < width; v += 8 {
			gatherVector(gatherAVX2, 1<<8-1, dst, width, v, src, at, runs)
		}
	default:
		gather(dst, width, src, at, runs)
	}
}

// Weigh is dst = start + Σ w[a, b]·src over the windows of r and c, or dst += Σ…
// with add; w has a row of weights for each kernel row.
func (s Shift) Weigh(dst, src, w []float32, r Rows, c *Columns, start float32, add bool) {
	switch {
	case r.Kernel == 0:
		weigh(dst, src, w, r, c, start, add)
	case s.Level == AVX512:
		weighAVX512(dst, src, w, r.Count, r.Kernel, r.From-c.left, r.Down, r.Next, c.cols, c.kernel, c.step, c.across, c.lanes, start, add)
	case s.Level == AVX2:
		weighAVX2(dst, src, w, r.Count, r.Kernel, r.From-c.left, r.Down, r.Next, c.cols, c.kernel, c.step, c.across, c.lanes, start, add)
	default:
		weigh(dst, src, w, r, c, start, add)
	}
}

// Top is the largest value of each window, −∞ without one; NaN if any is.
func (s Shift) Top(dst, src []float32, r Rows, c *Columns) {
	switch {
	case r.Kernel == 0:
		top(dst, src, r, c)
	case s.Level == AVX512:
		topAVX512(dst, src, r.Count, r.Kernel, r.From-c.left, r.Down, r.Next, c.cols, c.kernel, c.step, c.across, c.lanes)
	case s.Level == AVX2:
		topAVX2(dst, src, r.Count, r.Kernel, r.From-c.left, r.Down, r.Next, c.cols, c.kernel, c.step, c.across, c.lanes)
	default:
		top(dst, src, r, c)
	}
}

// lanes has a bit for each output of a vector that reads something; AVX-512
// reads step 2 as 32 values in a row, of which every other one has its bit.
func (s Shift) lanes(c *Columns) []uint32 {
	vector := map[Level]int{AVX512: 16, AVX2: 8}[s.Level]
	if vector == 0 {
		return nil
	}
	spread := 1
	if s.Level == AVX512 && c.step == 2 {
		spread = 2
	}
	var list []uint32
	for v := 0; v < c.cols; v += vector {
		for b := range c.kernel {
			bits := uint32(0)
			for x := max(v, c.first[b]); x < min(v+vector, c.last[b]); x++ {
				bits |= 1 << (spread * (x - v))
			}
			list = append(list, bits)
		}
	}
	return list
}

// gatherVector writes the vector of lanes from v on of each row, two runs at a
// time.
func gatherVector(kernel func(dst []float32, width int, src []float32, at []int, from1, lanes1, from2, lanes2, kept int),
	lanes uint64, dst []float32, width, v int, src []float32, at []int, runs []Run) {
	kept := 0
	var one, two Run
	for _, r := range runs {
		r = Run{r.Lanes >> v & lanes, r.From + v}
		switch {
		case r.Lanes == 0:
		case one.Lanes == 0:
			one = r
		default:
			two = r
			kernel(dst[v:], width, src, at, one.From, int(one.Lanes), two.From, int(two.Lanes), kept)
			kept |= int(one.Lanes | two.Lanes)
			one = Run{}
		}
	}
	if one.Lanes != 0 || kept == 0 {
		kernel(dst[v:], width, src, at, one.From, int(one.Lanes), 0, 0, kept)
	}
}

// gatherAVX512 and gatherAVX2 write one vector of each row: the lanes of two
// runs, those of kept as they are, and zeros elsewhere. There is at
// least one row.

//go:noescape
func gatherAVX512(dst []float32, width int, src []float32, at []int, from1, lanes1, from2, lanes2, kept int)

//go:noescape
func gatherAVX2(dst []float32, width int, src []float32, at []int, from1, lanes1, from2, lanes2, kept int)

// The weigh and top functions are the methods of their names; from is what
// output 0 would read at kernel position (0, 0). count, kernel and kw are
// positive.

//go:noescape
func weighAVX512(dst, src, w []float32, count, kernel, from, down, next, cols, kw, step, across int, lanes []uint32, start float32, add bool)

//go:noescape
func weighAVX2(dst, src, w []float32, count, kernel, from, down, next, cols, kw, step, across int, lanes []uint32, start float32, add bool)

//go:noescape
func topAVX512(dst, src []float32, count, kernel, from, down, next, cols, kw, step, across int, lanes []uint32)

//go:noescape
func topAVX2(dst, src []float32, count, kernel, from, down, next, cols, kw, step, across int, lanes []uint32)
