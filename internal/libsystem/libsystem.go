// Package libsystem asks macOS' system library for the state of the host: its
// thermal pressure, how busy its processors are, and sysctl values. It needs
// neither cgo nor special rights.
//
//	notify_register_check(const char *, int *) uint32, 0 for success
//	notify_get_state(int, uint64 *) uint32
//	notify_cancel(int) uint32
//	mach_host_self(void) port
//	host_statistics(port, int flavor, int *, unsigned *count) int
//	sysctlbyname(const char *, void *, size_t *, void *, size_t) int
//
// A [Lib] is a table of C functions filled by [Bind] through an injected
// lookup; [Load] opens the system's own. Source: notify(3), sysctl(3), Mach
// headers; not run on a Mac.
package libsystem

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"time"
	"unsafe"

	"github.com/ebitengine/purego"

	"devicemap/internal/unavailable"
)

// ErrUnavailable: this host has no such library. It wraps
// [errors.ErrUnsupported].
var ErrUnavailable = unavailable.New("libsystem: not available")

// Lookup returns the address of a function.
type Lookup func(name string) (uintptr, error)

// Lib is a bound library, safe for concurrent use.
type Lib struct {
	register, state, cancel uintptr
	hostSelf, hostStats     uintptr
	sysctl                  uintptr
	host                    uintptr // port of this host, held for good
}

func (l *Lib) symbols() []struct {
	name string
	addr *uintptr
} {
	return []struct {
		name string
		addr *uintptr
	}{
		{"notify_register_check", &l.register},
		{"notify_get_state", &l.state},
		{"notify_cancel", &l.cancel},
		{"mach_host_self", &l.hostSelf},
		{"host_statistics", &l.hostStats},
		{"sysctlbyname", &l.sysctl},
	}
}

// Bind fills a Lib through lookup and names every symbol that it misses.
func Bind(lookup Lookup) (*Lib, error) {
	l := new(Lib)
	var missing []string
	for _, s := range l.symbols() {
		addr, err := lookup(s.name)
		if err != nil || addr == 0 {
			missing = append(missing, s.name)
		}
		*s.addr = addr
	}
	if missing != nil {
		return nil, fmt.Errorf("%w: the library lacks %s", ErrUnavailable, strings.Join(missing, ", "))
	}
	l.host = uintptr(uint32(call(l.hostSelf)))
	return l, nil
}

// call calls the C function at fn. Pointers among the arguments stay valid and
// in place during the call.
//
//go:uintptrescapes
func call(fn uintptr, args ...uintptr) uintptr {
	r, _, _ := purego.SyscallN(fn, args...)
	return r
}

// thermalKey holds the level of thermal pressure. Seen by notifyutil -g on
// macOS 12 to 27; Apple does not document it.
const thermalKey = "com.apple.system.thermalpressurelevel"

// ThermalPressure is 0 nominal, 1 moderate, 2 heavy, 3 trapping, 4 sleeping.
func (l *Lib) ThermalPressure() (level int, err error) {
	name := append([]byte(thermalKey), 0)
	token, out := new(int32), new(uint64)
	if st := uint32(call(l.register, uintptr(unsafe.Pointer(&name[0])), uintptr(unsafe.Pointer(token)))); st != 0 {
		return 0, fmt.Errorf("libsystem: notify_register_check: status %d", st)
	}
	st := uint32(call(l.state, uintptr(*token), uintptr(unsafe.Pointer(out))))
	call(l.cancel, uintptr(*token))
	switch {
	case st != 0:
		return 0, fmt.Errorf("libsystem: notify_get_state: status %d", st)
	case *out > 4:
		return 0, fmt.Errorf("libsystem: thermal pressure %d is not in 0..4", *out)
	}
	return int(*out), nil
}

// Ticks is the processors' time since boot in ticks of 10 ms, summed over all
// of them. The counters have 32 bits each.
type Ticks struct{ User, System, Idle, Nice uint32 }

const cpuLoadInfo = 3 // HOST_CPU_LOAD_INFO

// Ticks reads how busy the processors have been.
func (l *Lib) Ticks() (Ticks, error) {
	var out [4]uint32
	count := new(uint32)
	*count = uint32(len(out))
	st := int32(call(l.hostStats, l.host, cpuLoadInfo, uintptr(unsafe.Pointer(&out[0])), uintptr(unsafe.Pointer(count))))
	if st != 0 || *count != 4 {
		return Ticks{}, fmt.Errorf("libsystem: host_statistics: status %d, %d of 4 values", st, *count)
	}
	return Ticks{out[0], out[1], out[2], out[3]}, nil
}

// maxValue bounds a sysctl value that is read.
const maxValue = 256

// Sysctl reads a value as it lies in memory.
func (l *Lib) Sysctl(name string) ([]byte, error) {
	b := append([]byte(name), 0)
	buf := make([]byte, maxValue)
	size := new(uint64)
	*size = maxValue
	st := int32(call(l.sysctl, uintptr(unsafe.Pointer(&b[0])), uintptr(unsafe.Pointer(&buf[0])), uintptr(unsafe.Pointer(size)), 0, 0))
	if st != 0 || *size > maxValue {
		return nil, fmt.Errorf("libsystem: sysctl %s: status %d", name, st)
	}
	return buf[:*size], nil
}

// SysctlString reads a text value.
func (l *Lib) SysctlString(name string) (string, error) {
	b, err := l.Sysctl(name)
	text, _, _ := bytes.Cut(b, []byte{0})
	return string(text), err
}

// BootTime is the wall clock's time of the start of the system. It moves with
// the wall clock, so wall time minus it counts sleep and no clock change.
func (l *Lib) BootTime() (time.Time, error) {
	b, err := l.Sysctl("kern.boottime") // struct timeval: i64 seconds, i32 microseconds
	if err != nil {
		return time.Time{}, err
	}
	if len(b) < 12 {
		return time.Time{}, fmt.Errorf("libsystem: kern.boottime has %d bytes, want 16", len(b))
	}
	return time.Unix(int64(binary.LittleEndian.Uint64(b)), int64(binary.LittleEndian.Uint32(b[8:]))*1000), nil
}
