package smc

import (
	"encoding/binary"
	"errors"
	"math"
	"sync"
	"testing"
	"unsafe"

	"github.com/ebitengine/purego"
	"github.com/stretchr/testify/require"
)

// kit is IOKit with a list of service instances. It counts what is open.
// Callbacks are never freed: one set serves all tests.
type kit struct {
	once    sync.Once
	addr    map[string]uintptr
	hide    string
	entries []string // names of the instances; "-" as first letter: does not open
	at      int
	open    int            // connections
	refs    int            // objects
	values  map[string]any // float32, or another type
	used    uint32         // port of the latest call
}

var iokit kit

func (k *kit) bindings() map[string]uintptr {
	return map[string]uintptr{
		"IOServiceMatching": purego.NewCallback(func(name *byte) uintptr {
			if string(unsafe.Slice(name, 9)) != "AppleSMC\x00" {
				return 0
			}
			return 0x77
		}),
		"IOServiceGetMatchingServices": purego.NewCallback(func(_ uint32, match uintptr, iter *uint32) uint32 {
			k.refs++
			*iter, k.at = 0x100, 0
			return uint32(match - 0x77)
		}),
		"IOIteratorNext": purego.NewCallback(func(uint32) uint32 {
			if k.at == len(k.entries) {
				return 0
			}
			k.at++
			k.refs++
			return uint32(0x200 + k.at)
		}),
		"IORegistryEntryGetName": purego.NewCallback(func(entry uint32, name *byte) uint32 {
			copy(unsafe.Slice(name, nameSize), k.entries[entry-0x201]+"\x00")
			return 0
		}),
		"IOServiceOpen": purego.NewCallback(func(entry, task, kind uint32, port *uint32) uint32 {
			if k.entries[entry-0x201][0] == '-' || task != 0x103 || kind != 0 {
				return 0xe00002c2
			}
			k.open++
			*port = entry + 0x100
			return 0
		}),
		"IOConnectCallStructMethod": purego.NewCallback(func(port, selector uint32, in *[80]byte, n uint64, out *[80]byte, m *uint64) uint32 {
			if selector != 2 || n != 80 || *m != 80 {
				return 0xe00002c2
			}
			k.used = port
			k.answer(in, out)
			return 0
		}),
		"IOServiceClose":  purego.NewCallback(func(uint32) uint32 { k.open--; return 0 }),
		"IOObjectRelease": purego.NewCallback(func(uint32) uint32 { k.refs--; return 0 }),
		"task_self_trap":  purego.NewCallback(func() uint32 { return 0x103 }),
	}
}

// answer is the controller: it knows the two commands.
func (k *kit) answer(in, out *[80]byte) {
	*out = [80]byte{}
	v, ok := k.values[key(*in)]
	if !ok {
		out[40] = 0x84 // key not found
		return
	}
	f, isFloat := v.(float32)
	switch in[42] {
	case 9:
		binary.LittleEndian.PutUint32(out[28:], 4)
		binary.LittleEndian.PutUint32(out[32:], fourCC("flt "))
		if !isFloat {
			binary.LittleEndian.PutUint32(out[32:], fourCC("ui32"))
		}
	case 5:
		if binary.LittleEndian.Uint32(in[28:]) != 4 {
			out[40] = 0x87 // size mismatch
			return
		}
		binary.LittleEndian.PutUint32(out[48:], math.Float32bits(f))
	}
}

func (k *kit) lookup(name string) (uintptr, error) {
	if addr := k.addr[name]; addr != 0 && name != k.hide {
		return addr, nil
	}
	return 0, errors.New("no such symbol")
}

func fresh(t *testing.T, entries ...string) *Lib {
	t.Helper()
	iokit.once.Do(func() { iokit.addr = iokit.bindings() })
	iokit.hide, iokit.entries, iokit.open, iokit.refs = "", entries, 0, 0
	iokit.values = map[string]any{"PSTR": float32(17.25), "CHCE": uint32(1), "NANS": float32(math.NaN())}
	l, err := Bind(iokit.lookup)
	require.NoError(t, err)
	return l
}

func TestFloat(t *testing.T) {
	c, err := fresh(t, "AppleSMC", "AppleSMCKeysEndpoint", "AppleSMCOther").Open()
	require.NoError(t, err)
	got, err := c.Float("PSTR")
	if err != nil || got != 17.25 {
		t.Errorf("PSTR = %v W, %v, want 17.25", got, err)
	}
	if iokit.used != 0x302 {
		t.Errorf("port %#x was asked, want that of the instance with the keys, 0x302", iokit.used)
	}
	for name, want := range map[string]string{"XXXX": "result 0x84", "CHCE": "want flt", "NANS": "reads NaN"} {
		_, err := c.Float(name)
		require.ErrorContains(t, err, want, name)
	}
	c.Close()
	c.Close()
	_, err = c.Float("PSTR")
	require.ErrorContains(t, err, "after Close")
	if iokit.open != 0 || iokit.refs != 0 {
		t.Errorf("%d connections and %d objects are left, want 0", iokit.open, iokit.refs)
	}
}

func TestOpen(t *testing.T) {
	tests := []struct {
		entries []string
		port    uint32 // 0: fails
	}{
		{[]string{"AppleSMC"}, 0x301},
		{[]string{"-AppleSMC", "Other"}, 0x302},
		{[]string{"-AppleSMC"}, 0},
		{nil, 0},
	}
	for _, tt := range tests {
		c, err := fresh(t, tt.entries...).Open()
		if tt.port == 0 {
			require.ErrorIs(t, err, ErrUnavailable)
			require.ErrorIs(t, err, errors.ErrUnsupported)
		} else {
			require.NoError(t, err)
			if c.port != tt.port {
				t.Errorf("%v: port %#x, want %#x", tt.entries, c.port, tt.port)
			}
			c.Close()
		}
		if iokit.open != 0 || iokit.refs != 0 {
			t.Errorf("%v: %d connections and %d objects are left, want 0", tt.entries, iokit.open, iokit.refs)
		}
	}
}

func TestBindNamesWhatIsMissing(t *testing.T) {
	fresh(t)
	iokit.hide = "IOServiceOpen"
	_, err := Bind(iokit.lookup)
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorContains(t, err, "lack IOServiceOpen")
}

// TestLoadHere wants a readable controller or the reason against it.
func TestLoadHere(t *testing.T) {
	l, err := Load()
	if err != nil {
		require.ErrorIs(t, err, ErrUnavailable)
		t.Skip("this host has no controller: ", err)
	}
	c, err := l.Open()
	require.NoError(t, err)
	defer c.Close()
	watts, err := c.Float("PSTR")
	if err != nil || watts <= 0 {
		t.Errorf("PSTR = %v W, %v, want more than 0", watts, err)
	}
}
