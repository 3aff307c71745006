package accelerate

import (
	"fmt"
	"os"
	"strconv"

	"github.com/ebitengine/purego"
)

// The framework is in the shared cache of the dynamic loader, not on disk: it
// opens by this path, looking for the file fails.
const (
	framework = "/System/Library/Frameworks/Accelerate.framework/Accelerate"
	system    = "/usr/lib/libSystem.B.dylib"
)

// Load opens the framework and binds it. It stays open. BLAS uses at most the
// given number of threads; the library reads that once per process, at its
// first call, so that a later Load does not change it.
func Load(threads int) (*Lib, error) {
	if err := os.Setenv("VECLIB_MAXIMUM_THREADS", strconv.Itoa(threads)); err != nil {
		return nil, fmt.Errorf("accelerate: %w", err)
	}
	handle, err := purego.Dlopen(framework, purego.RTLD_NOW|purego.RTLD_GLOBAL)
	if err != nil {
		return nil, fmt.Errorf("%w: %s does not load: %w", ErrUnavailable, framework, err)
	}
	sys, err := purego.Dlopen(system, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("%w: %s does not load: %w", ErrUnavailable, system, err)
	}
	return Bind(func(name string) (uintptr, error) {
		if name == symbols[SetQoS].Name {
			return purego.Dlsym(sys, name)
		}
		return purego.Dlsym(handle, name)
	})
}
