package nvml

import (
	"fmt"

	"github.com/ebitengine/purego"
)

// library is installed by the driver. Source: NVML API reference.
const library = "libnvidia-ml.so.1"

// Load opens the driver's library and binds it.
func Load() (*Lib, error) {
	h, err := purego.Dlopen(library, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("%w: %s cannot be loaded; no NVIDIA driver is installed", ErrUnavailable, library)
	}
	return Bind(func(name string) (uintptr, error) { return purego.Dlsym(h, name) })
}
