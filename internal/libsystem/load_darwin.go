package libsystem

import (
	"fmt"

	"github.com/ebitengine/purego"
)

const library = "/usr/lib/libSystem.B.dylib"

// Load opens the system library, which every process has loaded, and binds it.
func Load() (*Lib, error) {
	h, err := purego.Dlopen(library, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrUnavailable, library, err)
	}
	return Bind(func(name string) (uintptr, error) { return purego.Dlsym(h, name) })
}
