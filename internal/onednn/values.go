package onednn

// DType is an element type. Source: dnnl_data_type_t.
type DType int32

// The element types in use.
const (
	BF16 DType = 2
	F32  DType = 3
)

// size is in bytes.
func (t DType) size() int {
	if t == BF16 {
		return 2
	}
	return 4
}

func (t DType) String() string {
	if t == BF16 {
		return "bf16"
	}
	return "f32"
}

// ArgID names an operand of a primitive. Source: DNNL_ARG_*.
type ArgID int32

// The operands.
const (
	Src        ArgID = 1
	Src1       ArgID = 2
	Dst        ArgID = 17
	Weights    ArgID = 33
	Bias       ArgID = 41
	Scale      ArgID = 51
	Shift      ArgID = 52
	Scratchpad ArgID = 80
)

// Eltwise names a function of one operand with the parameters α and β.
type Eltwise uint8

// The elementwise functions.
const (
	ReLU         Eltwise = iota // x > 0 ? x : αx
	Tanh                        //
	ELU                         // x > 0 ? x : α(eˣ−1)
	Square                      //
	Abs                         //
	Sqrt                        //
	Linear                      // αx + β
	Logistic                    // 1/(1+e⁻ˣ)
	Exp                         //
	GELUTanh                    //
	Swish                       // x/(1+e^(−αx))
	Clip                        // min(max(x, α), β)
	GELUErf                     //
	eltwiseCount = iota
)

// BinaryFn is a function of two operands. Source: dnnl_alg_kind_t.
type BinaryFn int32

// The binary functions.
const (
	Add BinaryFn = 131056 + iota
	Mul
	Max
	Min
	Div
	Sub
)

// PoolFn is a pooling. Source: dnnl_alg_kind_t.
type PoolFn int32

// The poolings.
const (
	MaxPool     PoolFn = 511
	AvgPadded   PoolFn = 767  // padding counts
	AvgUnpadded PoolFn = 1023 // padding does not count
)

// ReduceFn is a reduction. Source: dnnl_alg_kind_t.
type ReduceFn int32

// The reductions.
const (
	ReduceMax ReduceFn = 196594 + iota
	ReduceMin
	ReduceSum
	ReduceMul
	ReduceMean
)

// Constants that are the same in all versions.
const (
	inference      = 96 // propagation kind
	anyTag         = 1
	autoConv       = 3
	softmaxPlain   = 196608
	softmaxLog     = 196609
	userScratchpad = 1

	queryImplementation = 8
	querySrc            = 129
	queryWeights        = 131
	queryDst            = 133
	queryScratchpad     = 136
)

// values are the constants that differ between versions.
type values struct {
	eltwise              [eltwiseCount]int32
	normScale, normShift uint32 // flags of layer normalisation
}

var values2 = &values{
	eltwise: [...]int32{ReLU: 31, Tanh: 47, ELU: 63, Square: 79, Abs: 95, Sqrt: 111, Linear: 127, Logistic: 175,
		Exp: 191, GELUTanh: 207, Swish: 223, Clip: 255, GELUErf: 48},
	normScale: 8, normShift: 16,
}

var values3 = &values{
	eltwise: [...]int32{ReLU: 32, Tanh: 33, ELU: 34, Square: 35, Abs: 36, Sqrt: 37, Linear: 38, Logistic: 41,
		Exp: 42, GELUTanh: 43, Swish: 44, Clip: 46, GELUErf: 49},
	normScale: 2, normShift: 4,
}

// known gives the calling conventions of a version; nil for none.
func known(major, minor int32) (abi, *values) {
	switch {
	case major == 2 && (minor == 6 || minor == 7):
		return new(abi2), values2
	case major == 3:
		return new(abi3), values3
	}
	return nil, nil
}

// amxBits are set in the instruction sets with AMX of all versions.
// Source: dnnl_cpu_isa_t, 999 in 2.x and 4079 in 3.x.
const amxBits = 0x300

var isaNames = map[int32]string{
	7: "AVX2", 39: "AVX-512", 103: "AVX-512 VNNI", 231: "AVX-512 BF16", 495: "AVX-512 FP16",
	999: "AMX", 4079: "AMX FP16",
}
