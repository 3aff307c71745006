package main

// instruction is a NEON instruction that the Go assembler lacks: its word with
// all registers 0, its spelling, and how many source registers it has. The
// destination is in bits 0 to 4, the sources from bits 5 and 16.
// Source: Arm Architecture Reference Manual, C7.2; a test assembles them.
type instruction struct {
	bits    uint32
	syntax  string
	sources int
}

var words = map[string]instruction{
	"fadd": {0x4E20D400, "fadd v%d.4s, v%d.4s, v%d.4s", 2},
	"fsub": {0x4EA0D400, "fsub v%d.4s, v%d.4s, v%d.4s", 2},
}
