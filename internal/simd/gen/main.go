// Command gen writes the assembly of package simd into the folder above. It is
// a module of its own, so that the suite does not depend on the generator's
// libraries.
package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/mmcloughlin/avo/attr"
	"github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/pass"
	"github.com/mmcloughlin/avo/printer"
)

// outputs are the generated files and what writes them.
var outputs = []struct {
	file   string
	render func() ([]byte, error)
}{
	{"matrix_amd64.s", amd64(matrix)},
	{"matrix_arm64.s", arm64(neonMatrix)},
	{"shift_amd64.s", amd64(shift)},
	{"shift_arm64.s", arm64(neonShift)},
	{"vector_amd64.s", amd64(vectors)},
	{"vector_table_amd64.go", vectorTable("AVX512", "AVX2")},
	{"vector_arm64.s", arm64(neonVector)},
	{"vector_table_arm64.go", vectorTable(neonSuffix)},
}

func main() {
	log.SetFlags(0)
	for _, o := range outputs {
		text, err := o.render()
		if err == nil {
			err = os.WriteFile(filepath.Join("..", o.file), text, 0o666)
		}
		if err != nil {
			log.Fatalf("gen: %s: %v", o.file, err)
		}
	}
}

// amd64 renders functions written with avo. Their declarations are written by
// hand; go vet holds them to the assembly.
func amd64(write func(a asm)) func() ([]byte, error) {
	return func() ([]byte, error) {
		ctx := build.NewContext()
		write(asm{ctx})
		f, err := ctx.Result()
		if err != nil {
			return nil, fmt.Errorf("build: %w", err)
		}
		if err := pass.Compile.Execute(f); err != nil {
			return nil, fmt.Errorf("compile: %w", err)
		}
		return printer.NewGoAsm(printer.Config{Name: "internal/simd/gen", Pkg: "simd"}).Print(f)
	}
}

// asm is avo's context with what every kernel needs.
type asm struct{ *build.Context }

// text opens a function that takes no stack.
func (a asm) text(name, signature string) {
	a.Function(name)
	a.Attributes(attr.NOSPLIT)
	a.SignatureExpr(signature)
}
