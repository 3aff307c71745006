package corpus

import (
	"errors"
	"testing"

	"devicemap/device"
	"devicemap/device/ane"
)

// neuralEngines is the host's Neural Engine.
func neuralEngines() []column {
	o := ane.Opener()
	return []column{{name: o.Name, open: func(t *testing.T) device.Engine { return opened(t, o) }}}
}

// TestSiliconRoutes: both routes agree on the host's Neural Engine.
func TestSiliconRoutes(t *testing.T) {
	RouteGate(t, OnEngine(opened(t, ane.Opener()), device.FP16))
}

// TestSaturationIsRecognised: a cliff on silicon shows as an error.
func TestSaturationIsRecognised(t *testing.T) {
	if err := error(&ane.SaturationError{Engine: "ANE"}); !errors.Is(err, device.ErrSaturated) {
		t.Errorf("%v is no device.ErrSaturated", err)
	}
}
