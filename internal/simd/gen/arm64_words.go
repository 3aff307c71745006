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
	"fadd":     {0x4E20D400, "fadd v%d.4s, v%d.4s, v%d.4s", 2},
	"fsub":     {0x4EA0D400, "fsub v%d.4s, v%d.4s, v%d.4s", 2},
	"fmul":     {0x6E20DC00, "fmul v%d.4s, v%d.4s, v%d.4s", 2},
	"fdiv":     {0x6E20FC00, "fdiv v%d.4s, v%d.4s, v%d.4s", 2},
	"fmax":     {0x4E20F400, "fmax v%d.4s, v%d.4s, v%d.4s", 2},
	"fmin":     {0x4EA0F400, "fmin v%d.4s, v%d.4s, v%d.4s", 2},
	"fcmeq":    {0x4E20E400, "fcmeq v%d.4s, v%d.4s, v%d.4s", 2},
	"fcmge":    {0x6E20E400, "fcmge v%d.4s, v%d.4s, v%d.4s", 2},
	"fcmgt":    {0x6EA0E400, "fcmgt v%d.4s, v%d.4s, v%d.4s", 2},
	"fsqrt":    {0x6EA1F800, "fsqrt v%d.4s, v%d.4s", 1},
	"frintn":   {0x4E218800, "frintn v%d.4s, v%d.4s", 1},
	"frintm":   {0x4E219800, "frintm v%d.4s, v%d.4s", 1},
	"frintp":   {0x4EA18800, "frintp v%d.4s, v%d.4s", 1},
	"fcvtns":   {0x4E21A800, "fcvtns v%d.4s, v%d.4s", 1},
	"scvtf":    {0x4E21D800, "scvtf v%d.4s, v%d.4s", 1},
	"mvn":      {0x6E205800, "mvn v%d.16b, v%d.16b", 1},
	"fmaxv":    {0x6E30F800, "fmaxv s%d, v%d.4s", 1},
	"fminv":    {0x6EB0F800, "fminv s%d, v%d.4s", 1},
	"fcvtl":    {0x0E617800, "fcvtl v%d.2d, v%d.2s", 1},
	"fcvtl2":   {0x4E617800, "fcvtl2 v%d.2d, v%d.4s", 1},
	"fadd.2d":  {0x4E60D400, "fadd v%d.2d, v%d.2d, v%d.2d", 2},
	"faddp.2d": {0x7E70D800, "faddp d%d, v%d.2d", 1},
}
