package cpu_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/device"
	"devicemap/device/cpu"
)

// openOneDNN opens the engine on oneDNN, or skips.
func openOneDNN(t testing.TB, cfg cpu.Config) device.Engine {
	t.Helper()
	cfg.Library = "onednn"
	e, err := cpu.Open(cfg)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, e.Close()) })
	return e
}
