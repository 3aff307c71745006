package thread

// flush is FZ (bit 24, float32 and float64) of FPCR.
const flush Mode = 1 << 24

func get() Mode  { return Mode(getFPCR()) }
func set(m Mode) { setFPCR(uint64(m)) }

//go:noescape
func getFPCR() uint64

//go:noescape
func setFPCR(m uint64)

// Pause tells the processor that the caller spins.
//
//go:noescape
func Pause()
