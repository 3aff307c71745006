package amx

// Packing in plain Go: the meaning of the assembly, and what other processors
// run.

func packRowPortable(dst []uint16, src []float32) {
	for s := 0; s < len(src); s += Depth {
		step := dst[s*Lanes:][:Depth]
		n := min(Depth, len(src)-s)
		for p, v := range src[s : s+n] {
			step[p] = Half(v)
		}
		clear(step[n:])
	}
}

func packPairsPortable(dst []uint16, src []float32, stride, lanes, k int) {
	clear(dst)
	for p := range k {
		step := dst[p/Depth*StepElems+p%Depth/2*Depth+p%2:]
		for i, v := range src[p*stride:][:lanes] {
			step[i/16*(StepElems/2)+i%16*2] = Half(v)
		}
	}
}

func gatherPortable(dst, src []uint16, at *[16]int, n int) {
	var tile [StepElems / 2]uint16
	for i, o := range at {
		for p, v := range src[o : o+n] {
			tile[p/2*Depth+2*i+p%2] = v
		}
	}
	copy(dst, tile[:])
}
