package libsystem

import (
	"encoding/binary"
	"errors"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"
	"github.com/stretchr/testify/require"
)

// system is the library made of callbacks, which are never freed.
type system struct {
	once   sync.Once
	addr   map[string]uintptr
	hide   string
	tokens int // registered and not cancelled
	level  uint64
	status uint32
	ticks  [4]uint32
	values map[string][]byte
}

var sys system

func text(p *byte) string {
	for n := 0; ; n++ {
		if s := unsafe.Slice(p, n+1); s[n] == 0 {
			return string(s[:n])
		}
	}
}

func fresh(t *testing.T) *Lib {
	t.Helper()
	sys.once.Do(func() {
		sys.addr = map[string]uintptr{
			"notify_register_check": purego.NewCallback(func(name *byte, token *int32) uint32 {
				if text(name) != "com.apple.system.thermalpressurelevel" {
					return 1
				}
				sys.tokens++
				*token = 7
				return 0
			}),
			"notify_get_state": purego.NewCallback(func(token int32, out *uint64) uint32 {
				*out = sys.level
				return sys.status + uint32(token-7)
			}),
			"notify_cancel":  purego.NewCallback(func(token int32) uint32 { sys.tokens -= int(token) / 7; return 0 }),
			"mach_host_self": purego.NewCallback(func() uint32 { return 0x1203 }),
			"host_statistics": purego.NewCallback(func(host uint32, flavor int32, out *[4]uint32, n *uint32) int32 {
				if host != 0x1203 || flavor != 3 || *n != 4 {
					return 4
				}
				*out = sys.ticks
				return 0
			}),
			"sysctlbyname": purego.NewCallback(func(name, out *byte, size *uint64, _, _ uintptr) int32 {
				v, ok := sys.values[text(name)]
				if !ok || uint64(len(v)) > *size {
					return -1
				}
				copy(unsafe.Slice(out, *size), v)
				*size = uint64(len(v))
				return 0
			}),
		}
	})
	sys.hide, sys.tokens, sys.level, sys.status = "", 0, 0, 0
	l, err := Bind(lookup)
	require.NoError(t, err)
	return l
}

func lookup(name string) (uintptr, error) {
	if addr := sys.addr[name]; addr != 0 && name != sys.hide {
		return addr, nil
	}
	return 0, errors.New("no such symbol")
}

func TestThermalPressure(t *testing.T) {
	l := fresh(t)
	for level := range uint64(5) {
		sys.level = level
		if got, err := l.ThermalPressure(); err != nil || got != int(level) {
			t.Errorf("level = %d, %v, want %d", got, err, level)
		}
	}
	sys.level = 5
	_, err := l.ThermalPressure()
	require.ErrorContains(t, err, "5 is not in 0..4")
	sys.status = 2
	_, err = l.ThermalPressure()
	require.ErrorContains(t, err, "status 2")
	if sys.tokens != 0 {
		t.Errorf("%d registrations are left, want 0", sys.tokens)
	}
}

func TestTicks(t *testing.T) {
	l := fresh(t)
	sys.ticks = [4]uint32{1, 2, 1<<32 - 1, 4}
	got, err := l.Ticks()
	require.NoError(t, err)
	require.Equal(t, Ticks{User: 1, System: 2, Idle: 1<<32 - 1, Nice: 4}, got)
}

func TestSysctl(t *testing.T) {
	l := fresh(t)
	boot := make([]byte, 16)
	binary.LittleEndian.PutUint64(boot, 1_700_000_000)
	binary.LittleEndian.PutUint32(boot[8:], 250_000)
	sys.values = map[string][]byte{"kern.osproductversion": []byte("27.0\x00"), "kern.boottime": boot, "long": make([]byte, maxValue+1)}
	version, err := l.SysctlString("kern.osproductversion")
	if err != nil || version != "27.0" {
		t.Errorf("version = %q, %v, want 27.0", version, err)
	}
	at, err := l.BootTime()
	if want := time.Unix(1_700_000_000, 250_000_000); err != nil || !at.Equal(want) {
		t.Errorf("boot time = %v, %v, want %v", at, err, want)
	}
	for _, name := range []string{"none", "long"} {
		_, err := l.Sysctl(name)
		require.ErrorContains(t, err, "sysctl "+name)
	}
}

func TestBindNamesWhatIsMissing(t *testing.T) {
	fresh(t)
	sys.hide = "host_statistics"
	_, err := Bind(lookup)
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.ErrorContains(t, err, "lacks host_statistics")
}

// TestLoadHere wants a sane host or the reason against the library.
func TestLoadHere(t *testing.T) {
	l, err := Load()
	if err != nil {
		require.ErrorIs(t, err, ErrUnavailable)
		t.Skip("this host has no such library: ", err)
	}
	_, err = l.ThermalPressure()
	require.NoError(t, err)
	ticks, err := l.Ticks()
	if err != nil || ticks.Idle == 0 {
		t.Errorf("ticks = %+v, %v, want idle ticks", ticks, err)
	}
	boot, err := l.BootTime()
	if err != nil || time.Since(boot) <= 0 {
		t.Errorf("boot time = %v, %v, want one in the past", boot, err)
	}
}
