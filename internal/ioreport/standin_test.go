package ioreport

import (
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/ebitengine/purego"
	"github.com/stretchr/testify/require"
)

// object is a CoreFoundation object of the stand-in: a string, a dictionary, an
// array, data or a subscription.
type object struct {
	refs int
	str  string
	dict map[string]uintptr
	list []uintptr
	data []byte
	form int32
	num  int64
	kind string
}

// world is CoreFoundation and IOReport over Go maps. It counts references, so
// that a leak or a use after release shows. Callbacks are never freed: one set
// serves all tests.
type world struct {
	once  sync.Once
	addr  map[string]uintptr
	hide  string
	next  uintptr
	live  map[uintptr]*object
	bad   []string // misuse
	group string   // the one that exists
	lines []string // its channels: "name TAB unit", unit padded as in the field
	form  map[string]int32
	count map[string]int64
	tick  uint64 // published time of all channels; 0: no raw elements
	deny  bool   // subscriptions fail
	blind bool   // samples fail
}

var cf world

func (w *world) put(o *object) uintptr {
	w.next += 16
	o.refs = 1
	w.live[w.next] = o
	return w.next
}

func (w *world) get(ref uintptr, kind string) *object {
	o := w.live[ref]
	if o == nil || o.kind != kind {
		w.bad = append(w.bad, "use of a released or wrong "+kind)
		return &object{dict: map[string]uintptr{}}
	}
	return o
}

func (w *world) drop(ref uintptr) {
	o := w.live[ref]
	if o == nil {
		w.bad = append(w.bad, "release of nothing")
		return
	}
	if o.refs--; o.refs > 0 {
		return
	}
	delete(w.live, ref)
	for _, r := range o.dict {
		w.drop(r)
	}
	for _, r := range o.list {
		w.drop(r)
	}
}

func (w *world) keep(ref uintptr) uintptr {
	if o := w.live[ref]; o != nil {
		o.refs++
	}
	return ref
}

func cString(p *byte) string {
	var b []byte
	for i := 0; ; i++ {
		c := unsafe.Slice(p, i+1)[i]
		if c == 0 {
			return string(b)
		}
		b = append(b, c)
	}
}

// channels makes the dictionary of a group or of a sample.
func (w *world) channels(names map[string]bool) uintptr {
	list := &object{kind: "array"}
	for _, line := range w.lines {
		name, unit, _ := strings.Cut(line, "\t")
		if names != nil && !names[name] {
			continue
		}
		form, ok := w.form[name]
		if !ok {
			form = 1
		}
		el := &object{kind: "dict", dict: map[string]uintptr{}, form: form, num: w.count[name]}
		el.dict["name"] = w.put(&object{kind: "string", str: name})
		el.dict["unit"] = w.put(&object{kind: "string", str: unit + "   "})
		if w.tick != 0 {
			raw := make([]byte, 64)
			binary.LittleEndian.PutUint64(raw[24:], w.tick)
			el.dict["RawElements"] = w.put(&object{kind: "data", data: raw})
		}
		list.list = append(list.list, w.put(el))
	}
	return w.put(&object{kind: "dict", dict: map[string]uintptr{"IOReportChannels": w.put(list)}})
}

// named lists the channel names of a dictionary.
func (w *world) named(dict uintptr) map[string]bool {
	names := map[string]bool{}
	for _, el := range w.get(w.get(dict, "dict").dict["IOReportChannels"], "array").list {
		names[w.get(w.get(el, "dict").dict["name"], "string").str] = true
	}
	return names
}

var arrayCallbacks [40]byte // its address stands for the data symbol

func (w *world) bindings() map[string]uintptr {
	of := func(dict, key uintptr) uintptr { return w.get(dict, "dict").dict[w.get(key, "string").str] }
	return map[string]uintptr{
		"kCFTypeArrayCallBacks": uintptr(unsafe.Pointer(&arrayCallbacks[0])),
		"CFStringCreateWithCString": purego.NewCallback(func(_ uintptr, s *byte, enc uint32) uintptr {
			if enc != 0x08000100 {
				w.bad = append(w.bad, "encoding")
			}
			return w.put(&object{kind: "string", str: cString(s)})
		}),
		"CFStringGetCString": purego.NewCallback(func(s uintptr, buf *byte, n int, _ uint32) uintptr {
			str := w.get(s, "string").str
			if len(str)+1 > n {
				return 0xffffff00 // only the low byte of a Boolean counts
			}
			copy(unsafe.Slice(buf, n), str+"\x00")
			return 1
		}),
		"CFRelease":            purego.NewCallback(func(r uintptr) uintptr { w.drop(r); return 0 }),
		"CFDictionaryGetValue": purego.NewCallback(of),
		"CFDictionaryCreateMutableCopy": purego.NewCallback(func(_ uintptr, _ int, d uintptr) uintptr {
			c := &object{kind: "dict", dict: map[string]uintptr{}}
			for k, v := range w.get(d, "dict").dict {
				c.dict[k] = w.keep(v)
			}
			return w.put(c)
		}),
		"CFDictionarySetValue": purego.NewCallback(func(d, key, v uintptr) uintptr {
			k := w.get(key, "string").str
			if old, ok := w.get(d, "dict").dict[k]; ok {
				w.drop(old)
			}
			w.get(d, "dict").dict[k] = w.keep(v)
			return 0
		}),
		"CFArrayGetCount":        purego.NewCallback(func(a uintptr) int { return len(w.get(a, "array").list) }),
		"CFArrayGetValueAtIndex": purego.NewCallback(func(a uintptr, i int) uintptr { return w.get(a, "array").list[i] }),
		"CFArrayCreateMutable": purego.NewCallback(func(_ uintptr, _ int, callbacks uintptr) uintptr {
			if callbacks != uintptr(unsafe.Pointer(&arrayCallbacks[0])) {
				w.bad = append(w.bad, "array without callbacks")
			}
			return w.put(&object{kind: "array"})
		}),
		"CFArrayAppendValue": purego.NewCallback(func(a, v uintptr) uintptr {
			o := w.get(a, "array")
			o.list = append(o.list, w.keep(v))
			return 0
		}),
		"CFDataGetLength": purego.NewCallback(func(d uintptr) int { return len(w.get(d, "data").data) }),
		"CFDataGetBytes": purego.NewCallback(func(d uintptr, at, n int, buf *byte) uintptr {
			copy(unsafe.Slice(buf, n), w.get(d, "data").data[at:at+n])
			return 0
		}),
		"IOReportCopyChannelsInGroup": purego.NewCallback(func(g, sub uintptr, _, _, _ uint64) uintptr {
			name := w.get(g, "string").str
			if sub != 0 {
				name += "/" + w.get(sub, "string").str
			}
			if name != w.group {
				return 0
			}
			return w.channels(nil)
		}),
		"IOReportCreateSubscription": purego.NewCallback(func(_, desired uintptr, out *uintptr, _ uint64, _ uintptr) uintptr {
			if w.deny {
				return 0
			}
			*out = w.channels(w.named(desired))
			return w.put(&object{kind: "subscription"})
		}),
		"IOReportCreateSamples": purego.NewCallback(func(s, subscribed, _ uintptr) uintptr {
			w.get(s, "subscription")
			if w.blind {
				return 0
			}
			return w.channels(w.named(subscribed))
		}),
		"IOReportChannelGetChannelName": purego.NewCallback(func(el uintptr) uintptr { return w.get(el, "dict").dict["name"] }),
		"IOReportChannelGetUnitLabel":   purego.NewCallback(func(el uintptr) uintptr { return w.get(el, "dict").dict["unit"] }),
		"IOReportChannelGetFormat":      purego.NewCallback(func(el uintptr) int32 { return w.get(el, "dict").form }),
		"IOReportSimpleGetIntegerValue": purego.NewCallback(func(el uintptr, _ int32) int64 { return w.get(el, "dict").num }),
		"mach_timebase_info":            purego.NewCallback(func(out *[2]uint32) int32 { *out = [2]uint32{125, 3}; return 0 }),
	}
}

func (w *world) lookup(name string) (uintptr, error) {
	if addr := w.addr[name]; addr != 0 && name != w.hide {
		return addr, nil
	}
	return 0, errors.New("no such symbol")
}

// fresh binds a library over an emptied world with the channels of a capture.
func fresh(t *testing.T, inventory string) *Lib {
	t.Helper()
	cf.once.Do(func() { cf.addr = cf.bindings() })
	cf.hide, cf.next, cf.live, cf.bad, cf.group, cf.lines = "", 0, map[uintptr]*object{}, nil, "Energy Model", nil
	cf.form, cf.count, cf.tick, cf.deny, cf.blind = map[string]int32{}, map[string]int64{}, 0, false, false
	text, err := os.ReadFile(filepath.Join("testdata", inventory))
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "#") {
			cf.lines = append(cf.lines, strings.TrimSpace(line))
		}
	}
	l, err := Bind(cf.lookup)
	require.NoError(t, err)
	return l
}

// settled fails on misuse and on objects that are left beyond the two keys.
func settled(t *testing.T) {
	t.Helper()
	require.Empty(t, cf.bad)
	if len(cf.live) != 2 {
		t.Errorf("%d objects live, want the library's two keys", len(cf.live))
	}
}

const unpopulated = math.MinInt64
