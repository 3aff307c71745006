package simd

// Gather writes rows of width ≤ 64 values without gaps: lane i of row r is
// src[r·step + run.From + i] for the run with bit i of Lanes set, and 0 where
// no run has it. Each lane is in at most one run. Widths that are no multiple
// of the level's vectors (16 or 8 values) are not fast.
func (s Shift) Gather(dst []float32, width int, src []float32, step, rows int, runs []Run) {
	switch {
	case rows == 0:
	case s.Level == AVX512 && width%16 == 0:
		for v := 0; v < width; v += 16 {
			gatherVector(gatherAVX512, 1<<16-1, dst, width, v, src, step, rows, runs)
		}
	case s.Level == AVX2 && width%8 == 0:
		for v := 0; v < width; v += 8 {
			gatherVector(gatherAVX2, 1<<8-1, dst, width, v, src, step, rows, runs)
		}
	default:
		gather(dst, width, src, step, rows, runs)
	}
}

// Weigh is dst[i] = start + Σ_t w[t]·src[at[t]+i], or dst[i] += Σ… with add.
func (s Shift) Weigh(dst, src []float32, at []int, w []float32, start float32, add bool) {
	switch s.Level {
	case AVX512:
		weighAVX512(dst, src, at, w, start, add)
	case AVX2:
		weighAVX2(dst, src, at, w, start, add)
	default:
		weigh(dst, src, at, w, start, add)
	}
}

// Top is dst[i] = max_t src[at[t]+i]; NaN if any of them is.
func (s Shift) Top(dst, src []float32, at []int) {
	switch s.Level {
	case AVX512:
		topAVX512(dst, src, at)
	case AVX2:
		topAVX2(dst, src, at)
	default:
		top(dst, src, at)
	}
}

// gatherVector writes the vector of lanes from v on of each row, two runs at a
// time.
func gatherVector(kernel func(dst []float32, width int, src []float32, step, rows, from1, lanes1, from2, lanes2, kept int),
	lanes uint64, dst []float32, width, v int, src []float32, step, rows int, runs []Run) {
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
			kernel(dst[v:], width, src, step, rows, one.From, int(one.Lanes), two.From, int(two.Lanes), kept)
			kept |= int(one.Lanes | two.Lanes)
			one = Run{}
		}
	}
	if one.Lanes != 0 || kept == 0 {
		kernel(dst[v:], width, src, step, rows, one.From, int(one.Lanes), 0, 0, kept)
	}
}

// gatherAVX512 and gatherAVX2 write one vector of each row: the lanes of two
// runs, those of kept as they are, and zeros elsewhere. rows is positive.

//go:noescape
func gatherAVX512(dst []float32, width int, src []float32, step, rows, from1, lanes1, from2, lanes2, kept int)

//go:noescape
func gatherAVX2(dst []float32, width int, src []float32, step, rows, from1, lanes1, from2, lanes2, kept int)

// The others are the methods of their names.

//go:noescape
func weighAVX512(dst, src []float32, at []int, w []float32, start float32, add bool)

//go:noescape
func weighAVX2(dst, src []float32, at []int, w []float32, start float32, add bool)

//go:noescape
func topAVX512(dst, src []float32, at []int)

//go:noescape
func topAVX2(dst, src []float32, at []int)
