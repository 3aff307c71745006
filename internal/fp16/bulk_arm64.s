#include "textflag.h"

// The assembler has no names for the vector forms; source and destination are
// in the comments. FPCR keeps its default: round to nearest, ties to even, no
// flush to zero, NaNs keep their payload.

// func encode16(dst *uint16, src *float32, n int) (overflows int)
TEXT ·encode16(SB), NOSPLIT, $0-32
	MOVD dst+0(FP), R0
	MOVD src+8(FP), R1
	MOVD n+16(FP), R2

	MOVW $0x7fffffff, R3
	VDUP R3, V16.S4            // drops the sign
	MOVW $0x477fefff, R3       // one below the bits of 65520
	VDUP R3, V17.S4
	MOVW $0x7f800000, R3       // infinity
	VDUP R3, V18.S4
	VEOR V19.B16, V19.B16, V19.B16 // minus the number of overflows, per lane
	VEOR V20.B16, V20.B16, V20.B16

encode:
	VLD1.P 64(R1), [V0.S4, V1.S4, V2.S4, V3.S4]
	WORD $0x0e216804           // FCVTN  V0.S4, V4.H4
	WORD $0x4e216824           // FCVTN2 V1.S4, V4.H8
	WORD $0x0e216845           // FCVTN  V2.S4, V5.H4
	WORD $0x4e216865           // FCVTN2 V3.S4, V5.H8
	VST1.P [V4.H8, V5.H8], 32(R0)
	VAND V16.B16, V0.B16, V0.B16
	VAND V16.B16, V1.B16, V1.B16
	VAND V16.B16, V2.B16, V2.B16
	VAND V16.B16, V3.B16, V3.B16
	WORD $0x4eb13404           // CMGT V4 = V0 > V17, per 32-bit lane: |x| ≥ 65520
	WORD $0x4eb13425           // CMGT V5 = V1 > V17
	WORD $0x4eb13446           // CMGT V6 = V2 > V17
	WORD $0x4eb13467           // CMGT V7 = V3 > V17
	WORD $0x4ea03640           // CMGT V0 = V18 > V0: |x| < Inf
	WORD $0x4ea13641           // CMGT V1 = V18 > V1
	WORD $0x4ea23642           // CMGT V2 = V18 > V2
	WORD $0x4ea33643           // CMGT V3 = V18 > V3
	VAND V4.B16, V0.B16, V0.B16
	VAND V5.B16, V1.B16, V1.B16
	VAND V6.B16, V2.B16, V2.B16
	VAND V7.B16, V3.B16, V3.B16
	VADD V0.S4, V19.S4, V19.S4
	VADD V1.S4, V20.S4, V20.S4
	VADD V2.S4, V19.S4, V19.S4
	VADD V3.S4, V20.S4, V20.S4
	SUB  $16, R2
	CBNZ R2, encode

	VADD  V20.S4, V19.S4, V19.S4
	VADDV V19.S4, V19
	VMOV  V19.S[0], R3
	NEGW  R3, R3
	MOVD  R3, overflows+24(FP)
	RET

// func encodeLE16(dst *byte, src *float32, n int) (overflows int)
TEXT ·encodeLE16(SB), NOSPLIT, $0-32
	JMP ·encode16(SB)

// func decode16(dst *float32, src *uint16, n int)
TEXT ·decode16(SB), NOSPLIT, $0-24
	MOVD dst+0(FP), R0
	MOVD src+8(FP), R1
	MOVD n+16(FP), R2

decode:
	VLD1.P 32(R1), [V4.H8, V5.H8]
	WORD $0x0e217880           // FCVTL  V4.H4, V0.S4
	WORD $0x4e217881           // FCVTL2 V4.H8, V1.S4
	WORD $0x0e2178a2           // FCVTL  V5.H4, V2.S4
	WORD $0x4e2178a3           // FCVTL2 V5.H8, V3.S4
	VST1.P [V0.S4, V1.S4, V2.S4, V3.S4], 64(R0)
	SUB  $16, R2
	CBNZ R2, decode
	RET

// func decodeLE16(dst *float32, src *byte, n int)
TEXT ·decodeLE16(SB), NOSPLIT, $0-24
	JMP ·decode16(SB)
