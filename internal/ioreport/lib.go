package ioreport

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"unsafe"

	"github.com/ebitengine/purego"

	"devicemap/internal/unavailable"
)

// ErrUnavailable: this host or OS build has no usable IOReport. It wraps
// [errors.ErrUnsupported].
var ErrUnavailable = unavailable.New("ioreport: not available")

// Lookup returns the address of a function or of data.
type Lookup func(name string) (uintptr, error)

// Lib holds addresses of C functions, called through SyscallN: all arguments
// are integers or pointers.
type Lib struct {
	stringCreate, stringGet            uintptr
	release                            uintptr
	dictGet, dictCopy, dictSet         uintptr
	arrayCount, arrayAt                uintptr
	arrayCreate, arrayAppend           uintptr
	arrayCallbacks                     uintptr // data
	dataLength, dataBytes              uintptr
	copyChannels, subscribe, sample    uintptr
	channelName, channelUnit, channelF uintptr
	integerValue                       uintptr
	timebase                           uintptr

	channelsKey, rawKey uintptr // CFStrings, kept
	nsPerTick           float64
}

func (l *Lib) symbols() []struct {
	name string
	addr *uintptr
} {
	return []struct {
		name string
		addr *uintptr
	}{
		{"CFStringCreateWithCString", &l.stringCreate},
		{"CFStringGetCString", &l.stringGet},
		{"CFRelease", &l.release},
		{"CFDictionaryGetValue", &l.dictGet},
		{"CFDictionaryCreateMutableCopy", &l.dictCopy},
		{"CFDictionarySetValue", &l.dictSet},
		{"CFArrayGetCount", &l.arrayCount},
		{"CFArrayGetValueAtIndex", &l.arrayAt},
		{"CFArrayCreateMutable", &l.arrayCreate},
		{"CFArrayAppendValue", &l.arrayAppend},
		{"kCFTypeArrayCallBacks", &l.arrayCallbacks},
		{"CFDataGetLength", &l.dataLength},
		{"CFDataGetBytes", &l.dataBytes},
		{"IOReportCopyChannelsInGroup", &l.copyChannels},
		{"IOReportCreateSubscription", &l.subscribe},
		{"IOReportCreateSamples", &l.sample},
		{"IOReportChannelGetChannelName", &l.channelName},
		{"IOReportChannelGetUnitLabel", &l.channelUnit},
		{"IOReportChannelGetFormat", &l.channelF},
		{"IOReportSimpleGetIntegerValue", &l.integerValue},
		{"mach_timebase_info", &l.timebase},
	}
}

// Symbols lists what [Bind] looks up.
func Symbols() []string {
	var names []string
	for _, s := range new(Lib).symbols() {
		names = append(names, s.name)
	}
	return names
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
		return nil, fmt.Errorf("%w: the libraries lack %s; their private interface changed, this binding needs an update",
			ErrUnavailable, strings.Join(missing, ", "))
	}
	// struct mach_timebase_info { uint32_t numer, denom; }: nanoseconds per tick.
	var base [2]uint32
	if st := call(l.timebase, uintptr(unsafe.Pointer(&base[0]))); st != 0 || base[1] == 0 {
		return nil, fmt.Errorf("%w: mach_timebase_info: status %d, %d/%d", ErrUnavailable, st, base[0], base[1])
	}
	l.nsPerTick = float64(base[0]) / float64(base[1])
	l.channelsKey, l.rawKey = l.str("IOReportChannels"), l.str("RawElements")
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

// utf8 is kCFStringEncodingUTF8.
const utf8 = 0x08000100

// str makes a CFString that the caller releases.
func (l *Lib) str(s string) uintptr {
	b := append([]byte(s), 0)
	return call(l.stringCreate, 0, uintptr(unsafe.Pointer(&b[0])), utf8)
}

// maxName bounds a channel name with its NUL; the longest known has 26 bytes.
const maxName = 128

// text reads a CFString; NULL and longer ones read as "".
func (l *Lib) text(s uintptr) string {
	if s == 0 {
		return ""
	}
	var buf [maxName]byte
	// The result is a one-byte Boolean: only its low byte counts.
	if call(l.stringGet, s, uintptr(unsafe.Pointer(&buf[0])), maxName, utf8)&0xff == 0 {
		return ""
	}
	n := slices.Index(buf[:], 0)
	if n < 0 {
		return ""
	}
	return string(buf[:n])
}

func (l *Lib) free(ref uintptr) {
	if ref != 0 {
		call(l.release, ref)
	}
}

// Channel names a counter.
type Channel struct {
	Name string
	Unit string // trimmed: "mJ", "uJ", "nJ"
}

// Value is a counter's state.
type Value struct {
	Channel
	Count     int64  // of the unit, since boot
	Published uint64 // ns of the clock behind mach_absolute_time; 0 if unknown
}

// Subscription is a set of counters that are read together. It is used by one
// goroutine at a time.
type Subscription struct {
	lib      *Lib
	ref      uintptr
	channels uintptr // the subscribed dictionary
}

// Subscribe opens the simple counters of a group, or of its subgroup if that is
// not "", that keep accepts. A group that this machine lacks, or of which
// nothing is kept, is [ErrUnavailable].
func (l *Lib) Subscribe(group, subgroup string, keep func(Channel) bool) (*Subscription, error) {
	g, sub := l.str(group), uintptr(0)
	if subgroup != "" {
		sub = l.str(subgroup)
	}
	all := call(l.copyChannels, g, sub, 0, 0, 0)
	l.free(g)
	l.free(sub)
	if all == 0 {
		return nil, fmt.Errorf("%w: this machine has no group %q", ErrUnavailable, group)
	}
	defer l.free(all)
	kept := call(l.arrayCreate, 0, 0, l.arrayCallbacks)
	defer l.free(kept)
	n := 0
	l.each(all, func(el uintptr) {
		if int32(call(l.channelF, el)) == simpleFormat && keep(l.channel(el)) {
			call(l.arrayAppend, kept, el)
			n++
		}
	})
	if n == 0 {
		return nil, fmt.Errorf("%w: no known channel in group %q", ErrUnavailable, group)
	}
	desired := call(l.dictCopy, 0, 0, all)
	defer l.free(desired)
	call(l.dictSet, desired, l.channelsKey, kept)
	out := new(uintptr)
	ref := call(l.subscribe, 0, desired, uintptr(unsafe.Pointer(out)), 0, 0)
	if ref == 0 || *out == 0 {
		l.free(ref)
		l.free(*out)
		return nil, fmt.Errorf("%w: the subscription to %d channels of group %q was refused", ErrUnavailable, n, group)
	}
	return &Subscription{lib: l, ref: ref, channels: *out}, nil
}

// simpleFormat is the format of a channel with one integer.
const simpleFormat = 1

// each calls f with the channels of a dictionary.
func (l *Lib) each(dict uintptr, f func(el uintptr)) {
	list := call(l.dictGet, dict, l.channelsKey)
	if list == 0 {
		return
	}
	for i := range call(l.arrayCount, list) {
		f(call(l.arrayAt, list, i))
	}
}

func (l *Lib) channel(el uintptr) Channel {
	return Channel{Name: l.text(call(l.channelName, el)), Unit: strings.TrimSpace(l.text(call(l.channelUnit, el)))}
}

// Read appends the counters' values to dst. Unpopulated channels are left out.
// The counters stand since boot; the difference of two reads is the energy
// between them.
func (s *Subscription) Read(dst []Value) ([]Value, error) {
	l := s.lib
	if s.ref == 0 {
		return dst, errors.New("ioreport: read after Close")
	}
	// Frameworks keep thread-local pools: stay on one thread while the sample
	// lives.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	sample := call(l.sample, s.ref, s.channels, 0)
	if sample == 0 {
		return dst, errors.New("ioreport: no sample; the subscription may have ended with a sleep of the machine")
	}
	defer l.free(sample)
	l.each(sample, func(el uintptr) {
		count := int64(call(l.integerValue, el, 0))
		if count == math.MinInt64 { // marks an unpopulated channel
			return
		}
		dst = append(dst, Value{Channel: l.channel(el), Count: count, Published: l.published(el)})
	})
	return dst, nil
}

// published reads the time of the first raw element, in nanoseconds.
func (l *Lib) published(el uintptr) uint64 {
	data := call(l.dictGet, el, l.rawKey)
	if data == 0 || int64(call(l.dataLength, data)) < elementSize {
		return 0
	}
	var raw [elementSize]byte
	// CFDataGetBytes(CFDataRef, CFRange{location, length}, UInt8 *): a struct of
	// two words travels in two registers on amd64 and arm64.
	call(l.dataBytes, data, 0, elementSize, uintptr(unsafe.Pointer(&raw[0])))
	return uint64(float64(binary.LittleEndian.Uint64(raw[24:])) * l.nsPerTick)
}

// elementSize is the size of IOReportElement.
const elementSize = 64

// Close releases the subscription.
func (s *Subscription) Close() {
	s.lib.free(s.ref)
	s.lib.free(s.channels)
	s.ref, s.channels = 0, 0
}
