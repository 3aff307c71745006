#include "textflag.h"

// func clampLowLanes(dst, x *float32, n int, low float32)
//
// VMAXPS gives its second source where an operand is NaN or both are zeros:
// with x there, a NaN stays; adding +0 turns −0 into +0.
TEXT ·clampLowLanes(SB), NOSPLIT, $0-28
	MOVQ dst+0(FP), DI
	MOVQ x+8(FP), SI
	MOVQ n+16(FP), CX
	VBROADCASTSS low+24(FP), Y8
	VXORPS Y9, Y9, Y9

clamp:
	VMOVUPS (SI), Y0
	VMOVUPS 32(SI), Y1
	VMAXPS  Y0, Y8, Y0
	VMAXPS  Y1, Y8, Y1
	VADDPS  Y9, Y0, Y0
	VADDPS  Y9, Y1, Y1
	VMOVUPS Y0, (DI)
	VMOVUPS Y1, 32(DI)
	ADDQ    $64, SI
	ADDQ    $64, DI
	SUBQ    $16, CX
	JNZ     clamp

	VZEROUPPER
	RET
