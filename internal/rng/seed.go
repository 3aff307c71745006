package rng

// The constants of SeedSequence, after O'Neill's seed_seq_fe ("Developing a
// seed_seq Alternative", 2015), with NumPy's pool of four words.
const (
	poolSize = 4
	initA    = 0x43b0d7e5
	multA    = 0x931e8875
	initB    = 0x8b51f9dd
	multB    = 0x58f38ded
	mixL     = 0xca01f9dd
	mixR     = 0x4973f715
)

// seedSequence spreads at most four words of entropy over the four 64-bit
// words that seed PCG64.
func seedSequence(entropy []uint32) [4]uint64 {
	pool := mixEntropy(entropy)
	var words [8]uint32
	c := uint32(initB)
	for i := range words {
		w := (pool[i%poolSize] ^ c) * (c * multB)
		words[i] = w ^ w>>16
		c *= multB
	}
	var out [4]uint64
	for i := range out {
		out[i] = uint64(words[2*i]) | uint64(words[2*i+1])<<32
	}
	return out
}

func mixEntropy(entropy []uint32) [poolSize]uint32 {
	c := uint32(initA)
	hash := func(v uint32) uint32 {
		v ^= c
		c *= multA
		v *= c
		return v ^ v>>16
	}
	var pool [poolSize]uint32
	copy(pool[:], entropy)
	for i := range pool {
		pool[i] = hash(pool[i])
	}
	for from := range pool {
		for to := range pool {
			if from != to {
				v := mixL*pool[to] - mixR*hash(pool[from])
				pool[to] = v ^ v>>16
			}
		}
	}
	return pool
}
