//go:build !amd64 && !arm64

package fp16

// Other processors convert every value by the scalar functions.

func encodeWords([]uint16, []float32) (done, overflows int) { return 0, 0 }
func encodeBytes([]byte, []float32) (done, overflows int)   { return 0, 0 }
func decodeWords([]float32, []uint16) (done int)            { return 0 }
func decodeBytes([]float32, []byte) (done int)              { return 0 }
