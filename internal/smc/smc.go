// Package smc reads values of the system management controller of a Mac, such
// as the power of the whole machine, without cgo and without special rights.
//
// The service "AppleSMC" is opened through IOKit; on Apple silicon the instance
// with the keys is called AppleSMCKeysEndpoint. Method 2 takes and returns a
// structure of 80 bytes:
//
//	 0  u32  key, four characters, the first in the high byte
//	28  u32  size, u32 type, u8 attributes: the key's description
//	40  u8   result, 0 for success
//	42  u8   command: 9 describes a key, 5 reads it
//	48  [32] data
//
// A [Lib] is a table of C functions filled by [Bind] through an injected
// lookup; [Load] opens the system's own. Source: power.md 2.5; not run on a Mac.
package smc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"unsafe"

	"github.com/ebitengine/purego"

	"devicemap/internal/unavailable"
)

// ErrUnavailable: this host has no readable controller. It wraps
// [errors.ErrUnsupported].
var ErrUnavailable = unavailable.New("smc: not available")

// Lookup returns the address of a function.
type Lookup func(name string) (uintptr, error)

// Lib holds addresses of C functions, called through SyscallN.
type Lib struct {
	matching, services, next, name  uintptr
	open, call, close, free, taskID uintptr
}

func (l *Lib) symbols() []struct {
	name string
	addr *uintptr
} {
	return []struct {
		name string
		addr *uintptr
	}{
		{"IOServiceMatching", &l.matching},
		{"IOServiceGetMatchingServices", &l.services},
		{"IOIteratorNext", &l.next},
		{"IORegistryEntryGetName", &l.name},
		{"IOServiceOpen", &l.open},
		{"IOConnectCallStructMethod", &l.call},
		{"IOServiceClose", &l.close},
		{"IOObjectRelease", &l.free},
		{"task_self_trap", &l.taskID},
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
		return nil, fmt.Errorf("%w: the libraries lack %s", ErrUnavailable, strings.Join(missing, ", "))
	}
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

const (
	service  = "AppleSMC"
	endpoint = "AppleSMCKeysEndpoint" // the instance with the keys, on Apple silicon
	nameSize = 128                    // of io_name_t
)

// Conn is an open connection to the controller. It is used by one goroutine at
// a time.
type Conn struct {
	lib  *Lib
	port uint32
}

// Open connects to the controller: to the instance with the keys, else to the
// first that opens.
func (l *Lib) Open() (*Conn, error) {
	name := append([]byte(service), 0)
	match := call(l.matching, uintptr(unsafe.Pointer(&name[0])))
	if match == 0 {
		return nil, fmt.Errorf("%w: no matching dictionary for %s", ErrUnavailable, service)
	}
	iter := new(uint32)
	// The call takes over the matching dictionary.
	if st := uint32(call(l.services, 0, match, uintptr(unsafe.Pointer(iter)))); st != 0 {
		return nil, fmt.Errorf("%w: IOServiceGetMatchingServices: status %#x", ErrUnavailable, st)
	}
	defer call(l.free, uintptr(*iter))
	var other *Conn
	var last uint32
	for {
		entry := uint32(call(l.next, uintptr(*iter)))
		if entry == 0 {
			break
		}
		c, st := l.connect(entry)
		keys := l.entryName(entry) == endpoint
		call(l.free, uintptr(entry))
		switch {
		case c == nil:
			last = st
		case keys:
			other.Close()
			return c, nil
		case other == nil:
			other = c
		default:
			c.Close()
		}
	}
	if other == nil {
		return nil, fmt.Errorf("%w: no instance of %s opens (status %#x)", ErrUnavailable, service, last)
	}
	return other, nil
}

func (l *Lib) connect(entry uint32) (*Conn, uint32) {
	port := new(uint32)
	st := uint32(call(l.open, uintptr(entry), uintptr(uint32(call(l.taskID))), 0, uintptr(unsafe.Pointer(port))))
	if st != 0 {
		return nil, st
	}
	return &Conn{l, *port}, 0
}

func (l *Lib) entryName(entry uint32) string {
	var buf [nameSize]byte
	if uint32(call(l.name, uintptr(entry), uintptr(unsafe.Pointer(&buf[0])))) != 0 {
		return ""
	}
	name, _, _ := strings.Cut(string(buf[:]), "\x00")
	return name
}

// Close ends the connection; a nil Conn has none.
func (c *Conn) Close() {
	if c != nil && c.port != 0 {
		call(c.lib.close, uintptr(c.port))
		c.port = 0
	}
}

const (
	structSize = 80
	method     = 2
	describe   = 9
	read       = 5
)

// exchange sends one structure and returns the other.
func (c *Conn) exchange(in [structSize]byte) (out [structSize]byte, err error) {
	if c.port == 0 {
		return out, errors.New("smc: read after Close")
	}
	size := new(uint64)
	*size = structSize
	st := uint32(call(c.lib.call, uintptr(c.port), method, uintptr(unsafe.Pointer(&in[0])), structSize,
		uintptr(unsafe.Pointer(&out[0])), uintptr(unsafe.Pointer(size))))
	switch {
	case st != 0:
		return out, fmt.Errorf("smc: IOConnectCallStructMethod: status %#x", st)
	case out[40] != 0:
		return out, fmt.Errorf("smc: key %q: result %#x", key(in), out[40])
	}
	return out, nil
}

func key(in [structSize]byte) string {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], binary.LittleEndian.Uint32(in[:]))
	return string(b[:])
}

// fourCC is the code of four characters, the first in the high byte.
func fourCC(s string) uint32 { return binary.BigEndian.Uint32([]byte(s)) }

// Float reads a key of type "flt ", such as "PSTR": the power of the whole
// machine in watts, with display, storage and losses, smoothed.
func (c *Conn) Float(name string) (float64, error) {
	if len(name) != 4 {
		panic(fmt.Sprintf("smc: key %q has %d characters, want 4", name, len(name)))
	}
	var in [structSize]byte
	binary.LittleEndian.PutUint32(in[0:], fourCC(name))
	in[42] = describe
	info, err := c.exchange(in)
	if err != nil {
		return 0, err
	}
	size, kind := binary.LittleEndian.Uint32(info[28:]), binary.LittleEndian.Uint32(info[32:])
	if size != 4 || kind != fourCC("flt ") {
		return 0, fmt.Errorf("smc: key %q has type %#x of %d bytes, want flt of 4", name, kind, size)
	}
	copy(in[28:37], info[28:37])
	in[42] = read
	out, err := c.exchange(in)
	if err != nil {
		return 0, err
	}
	v := float64(math.Float32frombits(binary.LittleEndian.Uint32(out[48:])))
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("smc: key %q reads %v", name, v)
	}
	return v, nil
}
