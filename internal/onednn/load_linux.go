package onednn

import (
	"fmt"
	"os"
	"strings"

	"github.com/ebitengine/purego"
)

// files are the library's names, the newest first.
var files = []string{"libdnnl.so.3", "libdnnl.so.2", "libdnnl.so"}

// Load opens the system's oneDNN for the calling OS thread, which must be
// locked, and gives it a number of threads.
func Load(threads int) (*Lib, error) {
	setDefaults()
	var text string
	for _, file := range files {
		h, err := purego.Dlopen(file, purego.RTLD_NOW|purego.RTLD_LOCAL)
		if err != nil {
			if text == "" || !strings.Contains(err.Error(), "No such file") {
				text = err.Error()
			}
			continue
		}
		return Bind(file, func(name string) (uintptr, error) { return purego.Dlsym(h, name) }, threads)
	}
	return nil, fmt.Errorf("%w: %s", ErrUnavailable, firstLine(text))
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

// setDefaults sets how libgomp waits, which it reads when it is loaded, unless
// the user did. By default its idle threads spin for milliseconds after each
// parallel region, at full power and on processors that other kernels want.
func setDefaults() {
	for _, name := range []string{"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} {
		if _, set := os.LookupEnv(name); set {
			return
		}
	}
	os.Setenv("OMP_WAIT_POLICY", "passive")
}
