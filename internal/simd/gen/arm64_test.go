package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// spelled is a word in a generated file: its value and its spelling.
var spelled = regexp.MustCompile(`(?m)^\tWORD \$0x([0-9A-F]{8}) // (.+)$`)

// TestWords has every word of the table and of the generated files assembled
// from its spelling by GNU as.
func TestWords(t *testing.T) {
	var table neon
	for name, w := range words {
		for _, r := range []int{0, 9, 31} {
			table.word(name, r, []int{r ^ 3, r ^ 12}[:w.sources]...)
		}
	}
	for e := range 4 {
		table.fmlaElement(7+e, 30-e, 9+e, e)
	}
	if table.err != nil {
		t.Fatal(table.err)
	}
	checkWords(t, "the table", table.text.Bytes())
	for _, o := range outputs {
		if !strings.HasSuffix(o.file, "_arm64.s") {
			continue
		}
		text, err := o.render()
		if err != nil {
			t.Fatalf("%s: %v", o.file, err)
		}
		checkWords(t, o.file, text)
	}
}

func checkWords(t *testing.T, file string, text []byte) {
	t.Helper()
	found := spelled.FindAllSubmatch(text, -1)
	if len(found) != bytes.Count(text, []byte("WORD")) || len(found) == 0 {
		t.Fatalf("%s: %d of %d words have a spelling", file, len(found), bytes.Count(text, []byte("WORD")))
	}
	var source strings.Builder
	for _, f := range found {
		fmt.Fprintf(&source, "%s\n", f[2])
	}
	code := assemble(t, source.String())
	if len(code) != 4*len(found) {
		t.Fatalf("%s: assembled to %d bytes, want %d", file, len(code), 4*len(found))
	}
	for i, f := range found {
		if want := fmt.Sprintf("%08X", binary.LittleEndian.Uint32(code[4*i:])); string(f[1]) != want {
			t.Errorf("%s: %s is %s, want %s", file, f[2], f[1], want)
		}
	}
}

// assemble returns the code of source.
func assemble(t *testing.T, source string) []byte {
	t.Helper()
	const as, objcopy = "aarch64-linux-gnu-as", "aarch64-linux-gnu-objcopy"
	if _, err := exec.LookPath(as); err != nil {
		t.Skipf("no assembler to compare with: %v; apt install binutils-aarch64-linux-gnu", err)
	}
	object := filepath.Join(t.TempDir(), "words.o")
	cmd := exec.Command(as, "-o", object, "-")
	cmd.Stdin = strings.NewReader(source)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", as, err, out)
	}
	code := object + ".bin"
	if out, err := exec.Command(objcopy, "-O", "binary", "-j", ".text", object, code).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", objcopy, err, out)
	}
	text, err := os.ReadFile(code)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
