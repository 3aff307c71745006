#include "textflag.h"

// F16C converts eight values per instruction. Rounding mode 0 is to nearest,
// ties to even, whatever MXCSR says.

// func encode16(dst *uint16, src *float32, n int) (overflows int)
TEXT ·encode16(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX

	VPCMPEQD Y8, Y8, Y8
	VPSRLD   $1, Y8, Y8        // 0x7fffffff: drops the sign
	MOVL     $0x477fefff, AX   // one below the bits of 65520
	VMOVD    AX, X9
	VPBROADCASTD X9, Y9
	MOVL     $0x7f800000, AX   // infinity
	VMOVD    AX, X10
	VPBROADCASTD X10, Y10
	VPXOR    Y6, Y6, Y6        // minus the number of overflows, per lane
	VPXOR    Y7, Y7, Y7

encode:
	VMOVDQU   (SI), Y0
	VMOVDQU   32(SI), Y1
	VCVTPS2PH $0, Y0, X2
	VCVTPS2PH $0, Y1, X3
	VMOVDQU   X2, (DI)
	VMOVDQU   X3, 16(DI)
	VPAND     Y8, Y0, Y0
	VPAND     Y8, Y1, Y1
	VPCMPGTD  Y9, Y0, Y2       // |x| ≥ 65520
	VPCMPGTD  Y9, Y1, Y3
	VPCMPGTD  Y0, Y10, Y4      // |x| < Inf
	VPCMPGTD  Y1, Y10, Y5
	VPAND     Y2, Y4, Y2
	VPAND     Y3, Y5, Y3
	VPADDD    Y2, Y6, Y6
	VPADDD    Y3, Y7, Y7
	ADDQ      $64, SI
	ADDQ      $32, DI
	SUBQ      $16, CX
	JNZ       encode

	VPADDD       Y7, Y6, Y6
	VEXTRACTI128 $1, Y6, X7
	VPADDD       X7, X6, X6
	VPSHUFD      $0x4e, X6, X7
	VPADDD       X7, X6, X6
	VPSHUFD      $0xb1, X6, X7
	VPADDD       X7, X6, X6
	VMOVD        X6, AX
	NEGL         AX
	MOVQ         AX, overflows+24(FP)
	VZEROUPPER
	RET

// func encodeLE16(dst *byte, src *float32, n int) (overflows int)
TEXT ·encodeLE16(SB), NOSPLIT, $0-32
	JMP ·encode16(SB)

// func decode16(dst *float32, src *uint16, n int)
TEXT ·decode16(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX

decode:
	VCVTPH2PS (SI), Y0
	VCVTPH2PS 16(SI), Y1
	VMOVDQU   Y0, (DI)
	VMOVDQU   Y1, 32(DI)
	ADDQ      $32, SI
	ADDQ      $64, DI
	SUBQ      $16, CX
	JNZ       decode
	VZEROUPPER
	RET

// func decodeLE16(dst *float32, src *byte, n int)
TEXT ·decodeLE16(SB), NOSPLIT, $0-24
	JMP ·decode16(SB)
