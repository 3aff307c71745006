package nvml

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"unsafe"

	"github.com/ebitengine/purego"
	"github.com/stretchr/testify/require"
)

// standin is a driver of two boards, made of C function pointers. Callbacks are
// never freed, so one set serves all tests.
type standin struct {
	once   sync.Once
	addr   map[string]uintptr
	hide   []string // symbols that the lookup denies
	status int32    // of every query
	inits  int
	mJ     uint64
	mW     uint32
	bits   uint64
}

var driver standin

func (s *standin) lookup(name string) (uintptr, error) {
	if addr := s.addr[name]; addr != 0 && !slices.Contains(s.hide, name) {
		return addr, nil
	}
	return 0, errors.New("no such symbol")
}

// reset gives the stand-in its first state.
func (s *standin) reset() {
	s.once.Do(func() {
		s.addr = map[string]uintptr{
			"nvmlInit_v2":           purego.NewCallback(func() int32 { s.inits++; return s.status }),
			"nvmlShutdown":          purego.NewCallback(func() int32 { s.inits--; return 0 }),
			"nvmlDeviceGetCount_v2": purego.NewCallback(func(out *uint32) int32 { *out = 2; return s.status }),
			"nvmlDeviceGetHandleByIndex_v2": purego.NewCallback(func(i uint32, out *Device) int32 {
				*out = Device(0x1000 + i)
				return s.status
			}),
			"nvmlDeviceGetName": purego.NewCallback(func(_ Device, out *byte, n uint32) int32 {
				copy(unsafe.Slice(out, n), "NVIDIA H100 80GB HBM3\x00")
				return s.status
			}),
			"nvmlDeviceGetTotalEnergyConsumption": purego.NewCallback(func(d Device, out *uint64) int32 {
				*out = s.mJ + uint64(d&1)
				return s.status
			}),
			"nvmlDeviceGetPowerUsage": purego.NewCallback(func(_ Device, out *uint32) int32 { *out = s.mW; return s.status }),
			"nvmlDeviceGetCurrentClocksThrottleReasons": purego.NewCallback(func(_ Device, out *uint64) int32 {
				*out = s.bits
				return s.status
			}),
		}
	})
	s.hide, s.status, s.inits, s.mJ, s.mW, s.bits = nil, 0, 0, 1<<40, 69_250, 0
}

func TestCalls(t *testing.T) {
	driver.reset()
	l, err := Bind(driver.lookup)
	require.NoError(t, err)
	all, err := l.Devices()
	require.NoError(t, err)
	require.Equal(t, []Device{0x1000, 0x1001}, all)
	name, err := l.Name(all[0])
	require.NoError(t, err)
	require.Equal(t, "NVIDIA H100 80GB HBM3", name)
	mJ, err := l.Energy(all[1]) // beyond 32 bits, and of the second board
	if want := uint64(1<<40 + 1); err != nil || mJ != want {
		t.Errorf("energy = %d mJ, %v, want %d", mJ, err, want)
	}
	mW, err := l.Power(all[0])
	if err != nil || mW != 69_250 {
		t.Errorf("power = %d mW, %v, want 69250", mW, err)
	}
	driver.bits = 0x44 // power cap and hardware thermal slowdown, by the older name
	if r, ok := l.Reasons(all[0]); !ok || r&Slowed != HardwareThermal {
		t.Errorf("reasons = %#x, %v, want the thermal bit of 0x44", r, ok)
	}
	require.NoError(t, l.Close())
	if driver.inits != 0 {
		t.Errorf("inits minus shutdowns = %d, want 0", driver.inits)
	}
}

func TestStatusIsNamed(t *testing.T) {
	driver.reset()
	l, err := Bind(driver.lookup)
	require.NoError(t, err)
	driver.status = 3
	_, err = l.Energy(0x1000)
	require.ErrorIs(t, err, NotSupported)
	require.EqualError(t, err, "nvml: nvmlDeviceGetTotalEnergyConsumption: status 3, not supported by this board")
	_, err = l.Devices()
	require.ErrorContains(t, err, "nvmlDeviceGetCount: status 3")
	if _, ok := l.Reasons(0x1000); ok {
		t.Error("reasons are known though the call failed")
	}
}

func TestBindRefuses(t *testing.T) {
	driver.reset()
	driver.hide = []string{"nvmlInit_v2", "nvmlDeviceGetPowerUsage"}
	_, err := Bind(driver.lookup)
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.ErrorContains(t, err, "lacks nvmlInit_v2, nvmlDeviceGetPowerUsage")

	driver.reset()
	driver.status = 9
	_, err = Bind(driver.lookup)
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorContains(t, err, "the kernel module is not loaded")

	driver.reset()
	driver.hide = []string{"nvmlDeviceGetCurrentClocksThrottleReasons"}
	l, err := Bind(driver.lookup)
	require.NoError(t, err, "an optional symbol")
	if _, ok := l.Reasons(0x1000); ok {
		t.Error("reasons are known without a symbol for them")
	}
}

// TestLoadHere wants either a working driver or the reason against it.
func TestLoadHere(t *testing.T) {
	l, err := Load()
	if err != nil {
		require.ErrorIs(t, err, ErrUnavailable)
		t.Skip("this host has no driver: ", err)
	}
	defer l.Close()
	all, err := l.Devices()
	require.NoError(t, err)
	for _, d := range all {
		mW, err := l.Power(d)
		if err != nil || mW == 0 {
			t.Errorf("power of %#x = %d mW, %v, want more than 0", d, mW, err)
		}
	}
}
