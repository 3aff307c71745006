package amx

func packRow(dst []uint16, src []float32) {
	if !vector() {
		packRowPortable(dst, src)
		return
	}
	_ = dst[(Steps(len(src))-1)*StepElems+Depth-1]
	packRowVector(&dst[0], &src[0], len(src))
}

func packPairs(dst []uint16, src []float32, stride, lanes, k int) {
	if !vector() || lanes == 0 {
		packPairsPortable(dst, src, stride, lanes, k)
		return
	}
	packPairsVector(&dst[0], &src[0], 4*stride, lanes, k)
}

func gather(dst, src []uint16, at *[16]int, n int) {
	if !vector() || n == 0 {
		gatherPortable(dst, src, at, n)
		return
	}
	gatherVector(&dst[0], &src[0], at, n)
}

// packRowVector is packRowPortable for k values.
//
//go:noescape
func packRowVector(dst *uint16, src *float32, k int)

// packPairsVector is packPairsPortable; stride is in bytes.
//
//go:noescape
func packPairsVector(dst *uint16, src *float32, stride, lanes, k int)

// gatherVector is gatherPortable.
//
//go:noescape
func gatherVector(dst, src *uint16, at *[16]int, n int)
