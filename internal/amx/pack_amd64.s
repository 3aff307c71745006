#include "textflag.h"

// Rounding to bf16 by integers: x + 0x7FFF + bit 16 of x, whose upper half is
// the result; NaN becomes one that the addition cannot turn into a number.
// Z31 holds ones, Z30 0x7FFF, Z29 the NaN. K3 is lost.
#define CONSTANTS \
	MOVL         $1, AX; \
	VPBROADCASTD AX, Z31; \
	MOVL         $0x7FFF, AX; \
	VPBROADCASTD AX, Z30; \
	MOVL         $0x7FC00000, AX; \
	VPBROADCASTD AX, Z29

#define ROUND(x, t) \
	VCMPPS    $3, x, x, K3; \
	VPSRLD    $16, x, t; \
	VPANDD    Z31, t, t; \
	VPADDD    Z30, x, x; \
	VPADDD    t, x, x; \
	VMOVDQA32 Z29, K3, x

// HALVES(n, a, b) sets mask a to the first n of 16 lanes and b to what of n is
// beyond them, for n in CX ≤ 32.
#define HALVES(a, b) \
	MOVQ  $1, AX; \
	SHLQ  CX, AX; \
	DECQ  AX; \
	KMOVW AX, a; \
	SHRQ  $16, AX; \
	KMOVW AX, b

// func packRowVector(dst *uint16, src *float32, k int)
TEXT ·packRowVector(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ k+16(FP), DX
	CONSTANTS
	MOVQ $32, CX
	HALVES(K1, K2)

step:
	CMPQ DX, $32
	JGE  load
	MOVQ DX, CX
	HALVES(K1, K2)

load:
	VMOVUPS.Z  (SI), K1, Z0
	VMOVUPS.Z  64(SI), K2, Z1
	ROUND(Z0, Z2)
	ROUND(Z1, Z3)
	VPSRLD     $16, Z0, Z0
	VPSRLD     $16, Z1, Z1
	VPMOVDW    Z0, (DI)
	VPMOVDW    Z1, 32(DI)
	ADDQ       $128, SI
	ADDQ       $2048, DI
	SUBQ       $32, DX
	JGT        step
	VZEROUPPER
	RET

// func packPairsVector(dst *uint16, src *float32, stride, lanes, k int)
TEXT ·packPairsVector(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ stride+16(FP), R8
	MOVQ lanes+24(FP), CX
	MOVQ k+32(FP), DX
	CONSTANTS
	HALVES(K1, K2)
	VPSLLD $16, Z30, Z28
	VPADDD Z28, Z28, Z28
	VPSLLD $16, Z31, Z27
	VPORD  Z27, Z28, Z28 // 0xFFFF0000
	XORQ   R9, R9        // row of pairs in the step

pair:
	VPXORD Z0, Z0, Z0
	VPXORD Z1, Z1, Z1
	VPXORD Z2, Z2, Z2
	VPXORD Z3, Z3, Z3
	CMPQ   DX, $1
	JLT    store
	VMOVUPS.Z (SI), K1, Z0
	VMOVUPS.Z 64(SI), K2, Z1
	ADDQ   R8, SI
	CMPQ   DX, $1
	JEQ    round
	VMOVUPS.Z (SI), K1, Z2
	VMOVUPS.Z 64(SI), K2, Z3
	ADDQ   R8, SI

round:
	ROUND(Z0, Z4)
	ROUND(Z1, Z5)
	ROUND(Z2, Z6)
	ROUND(Z3, Z7)
	VPSRLD $16, Z0, Z0
	VPSRLD $16, Z1, Z1
	VPANDD Z28, Z2, Z2
	VPANDD Z28, Z3, Z3
	VPORD  Z2, Z0, Z0
	VPORD  Z3, Z1, Z1
	SUBQ   $2, DX

store:
	VMOVDQU32 Z0, (DI)
	VMOVDQU32 Z1, 1024(DI)
	ADDQ   $64, DI
	INCQ   R9
	CMPQ   R9, $16
	JLT    pair
	XORQ   R9, R9
	ADDQ   $1024, DI
	CMPQ   DX, $0
	JGT    pair
	VZEROUPPER
	RET

#define LOAD(i, r) \
	MOVQ        (8*i)(R8), AX; \
	VMOVDQU16.Z (SI)(AX*2), K1, r

// QUARTER transposes the four 4×4 blocks of rows a to d.
#define QUARTER(a, b, c, d) \
	VPUNPCKLDQ  b, a, Z16; \
	VPUNPCKHDQ  b, a, Z17; \
	VPUNPCKLDQ  d, c, Z18; \
	VPUNPCKHDQ  d, c, Z19; \
	VPUNPCKLQDQ Z18, Z16, a; \
	VPUNPCKHQDQ Z18, Z16, b; \
	VPUNPCKLQDQ Z19, Z17, c; \
	VPUNPCKHQDQ Z19, Z17, d

// COLUMNS collects columns j, j+4, j+8 and j+12 from the quarters' registers.
#define COLUMNS(j, a, b, c, d) \
	VSHUFI32X4 $0x88, b, a, Z16; \
	VSHUFI32X4 $0xDD, b, a, Z17; \
	VSHUFI32X4 $0x88, d, c, Z18; \
	VSHUFI32X4 $0xDD, d, c, Z19; \
	VSHUFI32X4 $0x88, Z18, Z16, Z20; \
	VSHUFI32X4 $0x88, Z19, Z17, Z21; \
	VSHUFI32X4 $0xDD, Z18, Z16, Z22; \
	VSHUFI32X4 $0xDD, Z19, Z17, Z23; \
	VMOVDQU32  Z20, (64*j)(DI); \
	VMOVDQU32  Z21, (64*j+256)(DI); \
	VMOVDQU32  Z22, (64*j+512)(DI); \
	VMOVDQU32  Z23, (64*j+768)(DI)

// func gatherVector(dst, src *uint16, at *[16]int, n int)
TEXT ·gatherVector(SB), NOSPLIT, $0-32
	MOVQ  dst+0(FP), DI
	MOVQ  src+8(FP), SI
	MOVQ  at+16(FP), R8
	MOVQ  n+24(FP), CX
	MOVQ  $1, AX
	SHLQ  CX, AX
	DECQ  AX
	KMOVD AX, K1
	LOAD(0, Z0)
	LOAD(1, Z1)
	LOAD(2, Z2)
	LOAD(3, Z3)
	LOAD(4, Z4)
	LOAD(5, Z5)
	LOAD(6, Z6)
	LOAD(7, Z7)
	LOAD(8, Z8)
	LOAD(9, Z9)
	LOAD(10, Z10)
	LOAD(11, Z11)
	LOAD(12, Z12)
	LOAD(13, Z13)
	LOAD(14, Z14)
	LOAD(15, Z15)
	QUARTER(Z0, Z1, Z2, Z3)
	QUARTER(Z4, Z5, Z6, Z7)
	QUARTER(Z8, Z9, Z10, Z11)
	QUARTER(Z12, Z13, Z14, Z15)
	COLUMNS(0, Z0, Z4, Z8, Z12)
	COLUMNS(1, Z1, Z5, Z9, Z13)
	COLUMNS(2, Z2, Z6, Z10, Z14)
	COLUMNS(3, Z3, Z7, Z11, Z15)
	VZEROUPPER
	RET
