package cpu

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/internal/accelerate"
)

// TestAccelerateHere is the self-check of a Mac's owner:
//
//	go test ./device/cpu -run AccelerateHere -v
//
// tells on one screen which symbols this system has, which functions pass
// their checks, and the rate of one product.
func TestAccelerateHere(t *testing.T) {
	threads := runtime.GOMAXPROCS(0)
	lib, err := accelerate.Load(threads)
	require.NoError(t, err)
	report, err := accelerateReport(lib, macVersion(), threads, 2048)
	require.NoError(t, err)
	t.Log(report)
}
