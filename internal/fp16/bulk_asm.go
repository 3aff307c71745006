//go:build amd64 || arm64

package fp16

// The vector loops convert n values, a multiple of lanes, and give the same
// bits as the loops in their comments. Overflows are counted in 32-bit lanes,
// so n stays below maxRun.
const maxRun = 1 << 30

// encode16 is
//
//	for i := range n { dst[i] = Bits(src[i]); overflows += overflow(src[i]) }
//
//go:noescape
func encode16(dst *uint16, src *float32, n int) (overflows int)

// encodeLE16 is encode16 for bytes; both processors are little-endian.
//
//go:noescape
func encodeLE16(dst *byte, src *float32, n int) (overflows int)

// decode16 is
//
//	for i := range n { dst[i] = Float32(src[i]) }
//
//go:noescape
func decode16(dst *float32, src *uint16, n int)

// decodeLE16 is decode16 for bytes.
//
//go:noescape
func decodeLE16(dst *float32, src *byte, n int)

// encodeWords and its siblings convert what the vector loops can and return
// how many values that was; the scalar functions do the rest.
func encodeWords(dst []uint16, src []float32) (done, overflows int) {
	for n := run(len(src)); n > 0; n = run(len(src) - done) {
		overflows += encode16(&dst[done], &src[done], n)
		done += n
	}
	return done, overflows
}

func encodeBytes(dst []byte, src []float32) (done, overflows int) {
	for n := run(len(src)); n > 0; n = run(len(src) - done) {
		overflows += encodeLE16(&dst[2*done], &src[done], n)
		done += n
	}
	return done, overflows
}

func decodeWords(dst []float32, src []uint16) (done int) {
	n := run(len(src))
	for ; n > 0; n = run(len(src) - done) {
		decode16(&dst[done], &src[done], n)
		done += n
	}
	return done
}

func decodeBytes(dst []float32, src []byte) (done int) {
	for n := run(len(src) / 2); n > 0; n = run(len(src)/2 - done) {
		decodeLE16(&dst[done], &src[2*done], n)
		done += n
	}
	return done
}

// run is how many of left values the next call of a vector loop converts.
func run(left int) int {
	if !vector() {
		return 0
	}
	return min(left, maxRun) / lanes * lanes
}
