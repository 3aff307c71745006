package ioreport

import (
	"fmt"

	"github.com/ebitengine/purego"
)

// The libraries live in the shared cache of the system: no file shows them.
var libraries = []string{
	"/usr/lib/libIOReport.dylib",
	"/System/Library/Frameworks/CoreFoundation.framework/CoreFoundation",
	"/usr/lib/libSystem.B.dylib",
}

// Load opens the system's libraries and binds them.
func Load() (*Lib, error) {
	var handles []uintptr
	for _, path := range libraries {
		h, err := purego.Dlopen(path, purego.RTLD_NOW|purego.RTLD_LOCAL)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrUnavailable, path, err)
		}
		handles = append(handles, h)
	}
	return Bind(func(name string) (addr uintptr, err error) {
		for _, h := range handles {
			if addr, err = purego.Dlsym(h, name); err == nil {
				return addr, nil
			}
		}
		return 0, err
	})
}
