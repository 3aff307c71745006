package accelerate

import (
	"slices"
	"unsafe"
)

// maxCount is the longest piece that vForce gets: it counts in int32.
const maxCount = 1 << 30

// Zip gives dst[i] = f(a[i], b[i]) over slices of equal length, or nil where
// the system lacks f: VAdd … Pow.
func (l *Lib) Zip(f Func) func(dst, a, b []float32) {
	addr, s := l.addr[f], symbols[f]
	if addr == 0 {
		return nil
	}
	run := l.zipVDSP
	if s.Args == zipForce {
		run = l.zipForce
	}
	return func(dst, a, b []float32) {
		if len(a) == 0 {
			return
		}
		dst, b = dst[:len(a)], b[:len(a)]
		if s.Swapped {
			a, b = b, a
		}
		run(addr, dst, a, b)
	}
}

func (l *Lib) zipVDSP(addr uintptr, dst, first, second []float32) {
	c := l.take()
	c.call(addr, c.hold(0, at(first)), 1, c.hold(1, at(second)), 1, c.hold(2, at(dst)), 1, uintptr(len(dst)))
	l.give(c)
}

func (l *Lib) zipForce(addr uintptr, dst, first, second []float32) {
	c := l.take()
	for from := 0; from < len(dst); from += maxCount {
		c.count = int32(min(maxCount, len(dst)-from))
		c.call(addr, c.hold(0, at(dst[from:])), c.hold(1, at(first[from:])), c.hold(2, at(second[from:])), uintptr(unsafe.Pointer(&c.count)))
	}
	l.give(c)
}

// Map gives dst[i] = f(x[i]), or nil where the system lacks f: Abs … Ceil, or
// AddScalar … Keep with their scalars.
func (l *Lib) Map(f Func, scalars ...float32) func(dst, x []float32) {
	addr := l.addr[f]
	if addr == 0 {
		return nil
	}
	k := slices.Clone(scalars)
	run := map[string]func(dst, x []float32){
		mapVDSP:    func(dst, x []float32) { l.mapVDSP(addr, dst, x) },
		mapForce:   func(dst, x []float32) { l.mapForce(addr, dst, x) },
		scalarVDSP: func(dst, x []float32) { l.mapScalar(addr, dst, x, &k[0]) },
		pairVDSP:   func(dst, x []float32) { l.mapPair(addr, dst, x, &k[0], &k[1]) },
	}[symbols[f].Args]
	return func(dst, x []float32) {
		if len(x) > 0 {
			run(dst[:len(x)], x)
		}
	}
}

func (l *Lib) mapVDSP(addr uintptr, dst, x []float32) {
	c := l.take()
	c.call(addr, c.hold(0, at(x)), 1, c.hold(1, at(dst)), 1, uintptr(len(x)))
	l.give(c)
}

func (l *Lib) mapScalar(addr uintptr, dst, x []float32, k *float32) {
	c := l.take()
	c.call(addr, c.hold(0, at(x)), 1, c.hold(1, unsafe.Pointer(k)), c.hold(2, at(dst)), 1, uintptr(len(x)))
	l.give(c)
}

func (l *Lib) mapPair(addr uintptr, dst, x []float32, k, m *float32) {
	c := l.take()
	c.call(addr, c.hold(0, at(x)), 1, c.hold(1, unsafe.Pointer(k)), uintptr(unsafe.Pointer(m)), c.hold(2, at(dst)), 1, uintptr(len(x)))
	l.give(c)
}

func (l *Lib) mapForce(addr uintptr, dst, x []float32) {
	c := l.take()
	for from := 0; from < len(x); from += maxCount {
		c.count = int32(min(maxCount, len(x)-from))
		c.call(addr, c.hold(0, at(dst[from:])), c.hold(1, at(x[from:])), uintptr(unsafe.Pointer(&c.count)))
	}
	l.give(c)
}

// Shift is dst[i] = x[i] + a, and Scale is dst[i] = x[i]·a, for an a that is
// known only when it runs. [Lib.Map] must have AddScalar or MulScalar.
func (l *Lib) Shift(dst, x []float32, a float32) { l.scalar(AddScalar, dst, x, a) }

// Scale: see [Lib.Shift].
func (l *Lib) Scale(dst, x []float32, a float32) { l.scalar(MulScalar, dst, x, a) }

func (l *Lib) scalar(f Func, dst, x []float32, a float32) {
	if len(x) == 0 {
		return
	}
	c := l.take()
	c.value = a
	l.mapScalar(l.addr[f], dst[:len(x)], x, &c.value)
	l.give(c)
}

// Fold gives the sum, the extreme … of at least one value, in float32, or nil
// where the system lacks f: Sum … Min.
func (l *Lib) Fold(f Func) func(x []float32) float32 {
	addr := l.addr[f]
	if addr == 0 {
		return nil
	}
	return func(x []float32) float32 {
		_ = x[0]
		c := l.take()
		c.call(addr, c.hold(0, at(x)), 1, uintptr(unsafe.Pointer(&c.value)), uintptr(len(x)))
		v := c.value
		l.give(c)
		return v
	}
}
