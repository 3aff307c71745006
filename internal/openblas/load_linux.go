package openblas

import (
	"fmt"
	"os"

	"github.com/ebitengine/purego"
)

// files are the names that distributions install, plain builds first.
var files = []string{"libopenblas.so.0", "libopenblas.so", "libopenblasp.so.0",
	"libopenblas64.so.0", "libopenblas64_.so.0", "libopenblas64_.so"}

// Load opens the first of the files, or of the names that distributions
// install, that there is. It stays loaded for the life of the process.
func Load(named ...string) (*Lib, error) {
	if err := prepare(); err != nil {
		return nil, err
	}
	if len(named) == 0 {
		named = files
	}
	for _, file := range named {
		if h, err := open(file); err == nil {
			return Bind(file, func(name string) (uintptr, error) { return purego.Dlsym(h, name) })
		}
	}
	return nil, fmt.Errorf("%w: no %s; install OpenBLAS: make deps", ErrUnavailable, named[0])
}

// prepare sets what the library reads when it is loaded.
func prepare() error {
	if _, set := os.LookupEnv("OPENBLAS_THREAD_TIMEOUT"); set {
		return nil
	}
	return os.Setenv("OPENBLAS_THREAD_TIMEOUT", "4")
}

// open keeps the symbols local: with global ones, equal names of two BLAS
// libraries bind to the first.
func open(file string) (uintptr, error) {
	return purego.Dlopen(file, purego.RTLD_NOW|purego.RTLD_LOCAL)
}
