//go:build !amd64

package amx

func packRow(dst []uint16, src []float32) { packRowPortable(dst, src) }

func packPairs(dst []uint16, src []float32, stride, lanes, k int) {
	packPairsPortable(dst, src, stride, lanes, k)
}

func gather(dst, src []uint16, at *[16]int, n int) { gatherPortable(dst, src, at, n) }
