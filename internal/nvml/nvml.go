// Package nvml reads energy, power and clock limits of NVIDIA boards through
// the driver's management library, without cgo.
//
// A [Lib] is a table of C functions filled by [Bind] through an injected
// lookup, so that tests bind callbacks. [Load] opens the driver's own.
//
// C signatures, all returning an int status with 0 for success:
//
//	nvmlInit_v2(void), nvmlShutdown(void)
//	nvmlDeviceGetCount_v2(unsigned *)
//	nvmlDeviceGetHandleByIndex_v2(unsigned, nvmlDevice_t *)
//	nvmlDeviceGetName(nvmlDevice_t, char *, unsigned)
//	nvmlDeviceGetTotalEnergyConsumption(nvmlDevice_t, unsigned long long *)  mJ since driver load
//	nvmlDeviceGetPowerUsage(nvmlDevice_t, unsigned *)                        mW
//	nvmlDeviceGetCurrentClocksEventReasons(nvmlDevice_t, unsigned long long *)
//
// Source: NVML API reference. Handles are opaque; the caller owns all cells.
package nvml

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/ebitengine/purego"

	"devicemap/internal/unavailable"
)

// ErrUnavailable: this host has no usable NVML. It wraps
// [errors.ErrUnsupported].
var ErrUnavailable = unavailable.New("nvml: not available")

// Lookup returns the address of a symbol.
type Lookup func(name string) (uintptr, error)

// Device is a board.
type Device uintptr

// Reasons are the bits that say why a board's clocks are low.
type Reasons uint64

// The reasons for which a board is slower than its load and power limit allow.
const (
	HardwareSlowdown Reasons = 0x8
	SoftwareThermal  Reasons = 0x20
	HardwareThermal  Reasons = 0x40
	PowerBrake       Reasons = 0x80
	Slowed                   = HardwareSlowdown | SoftwareThermal | HardwareThermal | PowerBrake
)

// nameLength is NVML_DEVICE_NAME_V2_BUFFER_SIZE.
const nameLength = 96

// Lib is a bound and initialised library.
type Lib struct {
	init     func() int32
	shutdown func() int32
	count    func(out *uint32) int32
	handle   func(index uint32, out *Device) int32
	name     func(d Device, out *byte, length uint32) int32
	energy   func(d Device, out *uint64) int32
	power    func(d Device, out *uint32) int32

	reasons func(d Device, out *uint64) int32 // nil where not exported
}

type symbol struct {
	names    []string // the first that exists
	fn       any
	optional bool
}

func (l *Lib) symbols() []symbol {
	return []symbol{
		{[]string{"nvmlInit_v2"}, &l.init, false},
		{[]string{"nvmlShutdown"}, &l.shutdown, false},
		{[]string{"nvmlDeviceGetCount_v2"}, &l.count, false},
		{[]string{"nvmlDeviceGetHandleByIndex_v2"}, &l.handle, false},
		{[]string{"nvmlDeviceGetName"}, &l.name, false},
		{[]string{"nvmlDeviceGetTotalEnergyConsumption"}, &l.energy, false},
		{[]string{"nvmlDeviceGetPowerUsage"}, &l.power, false},
		{[]string{"nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"}, &l.reasons, true},
	}
}

// Bind fills a Lib through lookup, names every required symbol that it misses,
// and initialises the library.
func Bind(lookup Lookup) (*Lib, error) {
	l := new(Lib)
	var missing []string
	for _, s := range l.symbols() {
		found := false
		for _, name := range s.names {
			if addr, err := lookup(name); err == nil && addr != 0 && !found {
				purego.RegisterFunc(s.fn, addr)
				found = true
			}
		}
		if !found && !s.optional {
			missing = append(missing, s.names[0])
		}
	}
	if missing != nil {
		return nil, fmt.Errorf("%w: the library lacks %s; install a driver of version 410 or later",
			ErrUnavailable, strings.Join(missing, ", "))
	}
	if st := l.init(); st != 0 {
		return nil, fmt.Errorf("%w: nvmlInit: %w", ErrUnavailable, Status(st))
	}
	return l, nil
}

// Close ends the use of the library.
func (l *Lib) Close() error { return check("nvmlShutdown", l.shutdown()) }

// Devices lists the boards.
func (l *Lib) Devices() ([]Device, error) {
	n := new(uint32)
	if err := check("nvmlDeviceGetCount", l.count(n)); err != nil {
		return nil, err
	}
	var all []Device
	for i := range *n {
		d := new(Device)
		if err := check(fmt.Sprintf("nvmlDeviceGetHandleByIndex(%d)", i), l.handle(i, d)); err != nil {
			return nil, err
		}
		all = append(all, *d)
	}
	return all, nil
}

// Name is the board's product name.
func (l *Lib) Name(d Device) (string, error) {
	buf := make([]byte, nameLength)
	if err := check("nvmlDeviceGetName", l.name(d, &buf[0], nameLength)); err != nil {
		return "", err
	}
	name, _, _ := bytes.Cut(buf, []byte{0})
	return string(name), nil
}

// Energy is the energy of the board since the driver was loaded, in
// millijoules. It advances every 20 to 100 ms; boards before Volta lack it.
func (l *Lib) Energy(d Device) (mJ uint64, err error) {
	out := new(uint64)
	err = check("nvmlDeviceGetTotalEnergyConsumption", l.energy(d, out))
	return *out, err
}

// Power is the board's power in milliwatts: averaged over 1 s on Ampere and
// later but GA100, instantaneous on GA100 and older.
func (l *Lib) Power(d Device) (mW uint32, err error) {
	out := new(uint32)
	err = check("nvmlDeviceGetPowerUsage", l.power(d, out))
	return *out, err
}

// Reasons says why the board's clocks are low; ok is false where the driver
// does not tell.
func (l *Lib) Reasons(d Device) (r Reasons, ok bool) {
	if l.reasons == nil {
		return 0, false
	}
	out := new(uint64)
	ok = l.reasons(d, out) == 0
	return Reasons(*out), ok
}

// Status is a failed call's result.
type Status int32

// statusText holds the results that a reader meets. Source: nvmlReturn_t.
var statusText = map[Status]string{
	1: "uninitialized", 2: "invalid argument", 3: "not supported by this board", 4: "no permission",
	6: "not found", 9: "the kernel module is not loaded", 12: "library not found", 13: "function not found",
	15: "the board has fallen off the bus", 18: "driver and library versions differ; restart the machine", 999: "unknown error",
}

func (s Status) Error() string {
	if text := statusText[s]; text != "" {
		return fmt.Sprintf("status %d, %s", int32(s), text)
	}
	return fmt.Sprintf("status %d", int32(s))
}

// NotSupported is the status of a query that a board does not answer.
const NotSupported Status = 3

func check(call string, st int32) error {
	if st == 0 {
		return nil
	}
	return fmt.Errorf("nvml: %s: %w", call, Status(st))
}
