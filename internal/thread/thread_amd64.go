package thread

// flush is FTZ (bit 15, results) and DAZ (bit 6, operands) of MXCSR. DAZ is in
// all processors with SSE3.
const flush Mode = 1<<15 | 1<<6

func get() Mode  { return Mode(getMXCSR()) }
func set(m Mode) { setMXCSR(uint32(m)) }

//go:noescape
func getMXCSR() uint32

//go:noescape
func setMXCSR(m uint32)

// Pause tells the processor that the caller spins.
//
//go:noescape
func Pause()
