package cpu

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/device"
	"devicemap/internal/simd"
)

// sets lists the candidates with the embedded one at every instruction set of
// this machine.
func sets() []candidate {
	var list []candidate
	for _, c := range candidates() {
		if c.name != "embedded" {
			list = append(list, c)
			continue
		}
		for _, l := range simd.Levels() {
			list = append(list, candidate{"embedded-" + l.String(), func(int) (*library, error) {
				return &library{name: "embedded", version: "embedded " + l.String(), kernels: embeddedKernels(l), close: func() error { return nil }}, nil
			}})
		}
	}
	return list
}

// EachSet tests every kernel set that this machine has, one subtest each.
func EachSet(t *testing.T, threads int, test func(t *testing.T, e device.Engine)) {
	for _, c := range sets() {
		t.Run("set="+c.name, func(t *testing.T) {
			lib, exec, err := c.openChecked(threads)
			if errors.Is(err, errors.ErrUnsupported) {
				t.Skip(err)
			}
			require.NoError(t, err)
			e := newEngine(Config{}, threads, lib, exec, nil)
			defer func() { require.NoError(t, e.Close()) }()
			test(t, e)
		})
	}
}
