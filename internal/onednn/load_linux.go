package onednn

import (
	"cmp"
	"fmt"
	"os"
	"strings"

	"github.com/ebitengine/purego"
)

// files are the library's names, the newest first. Debian 13 names it after
// 3.6, the first version of that interface.
var files = []string{"libdnnl.so.3", "libdnnl.so.3.6", "libdnnl.so.2", "libdnnl.so"}

// Load opens the system's oneDNN for the calling OS thread, which must be
// locked, and gives it a number of threads. The first file that can be used is
// taken; the error is that of the first that exists.
func Load(threads int) (*Lib, error) {
	setDefaults()
	var found error
	for _, file := range files {
		h, err := purego.Dlopen(file, purego.RTLD_NOW|purego.RTLD_LOCAL)
		if err != nil {
			if found == nil && !strings.Contains(err.Error(), file+": cannot open shared object file: No such file") {
				found = fmt.Errorf("%w: %s", ErrUnavailable, firstLine(err.Error()))
			}
			continue
		}
		l, err := Bind(file, func(name string) (uintptr, error) { return purego.Dlsym(h, name) }, threads)
		if err == nil {
			return l, nil
		}
		found = cmp.Or(found, err)
	}
	return nil, cmp.Or(found, fmt.Errorf("%w: there is no %s; run make deps", ErrUnavailable, strings.Join(files, ", ")))
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
