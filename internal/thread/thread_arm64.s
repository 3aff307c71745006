#include "textflag.h"

// func getFPCR() uint64
TEXT ·getFPCR(SB), NOSPLIT, $0-8
	MOVD FPCR, R0
	MOVD R0, ret+0(FP)
	RET

// func setFPCR(m uint64)
TEXT ·setFPCR(SB), NOSPLIT, $0-8
	MOVD m+0(FP), R0
	MOVD R0, FPCR
	RET

// func Pause()
TEXT ·Pause(SB), NOSPLIT, $0-0
	YIELD
	RET
