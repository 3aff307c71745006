package ane

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"devicemap/device"
	"devicemap/internal/chip"
	"devicemap/internal/e5rt"
)

// isolated says that this program's main called MaybeChild. It is a package
// variable because it is a fact of the process.
var isolated atomic.Bool

// MaybeChild lets copies of this program compile and try out what is new to
// this host, since the compiler may take its process down. Call it first in
// main and in TestMain; in such a copy it does the work and exits.
func MaybeChild() {
	e5rt.MaybeChild(e5rt.Load)
	maybeSelfTest(func() (*engine, error) { return hostEngine(nil) })
	isolated.Store(true)
}

// Opener opens the Neural Engine of this host. The first time on an OS build
// it computes a small program and reports the engine absent if that fails.
func Opener() device.Opener {
	return device.Opener{Kind: device.ANE, Name: string(device.ANE), Open: func() (device.Engine, error) {
		e, err := openHost()
		if err != nil {
			return nil, err
		}
		return e, nil
	}}
}

func openHost() (*engine, error) {
	var isolate func(context.Context, e5rt.Job) (e5rt.Verdict, error)
	if isolated.Load() {
		isolate = e5rt.CompileInChild
	}
	e, err := hostEngine(isolate)
	if err != nil {
		return nil, err
	}
	if err := e.proveHost(isolated.Load()); err != nil {
		return nil, unavailable(err)
	}
	return e, nil
}

// hostEngine opens the system's library for the chip of this host.
func hostEngine(isolate func(context.Context, e5rt.Job) (e5rt.Verdict, error)) (*engine, error) {
	lib, err := e5rt.Load()
	if err != nil {
		return nil, unavailable(err)
	}
	h, err := readHost()
	if err != nil {
		return nil, unavailable(err)
	}
	lib.Pace.Notify = func(wait time.Duration, failures int) {
		fmt.Fprintf(os.Stderr, "ane: waiting %v before the next compile: %d failed in a row\n", wait.Round(time.Second), failures)
	}
	arch, known := h.target(os.Getenv(targetEnv))
	return open(lib, Config{
		Library: "Espresso e5rt", Host: h.name(known), Arch: arch,
		Isolate: isolate, RefuseInf: true,
	})
}

// targetEnv overrides the compiler target of the host, for chips that are
// newer than this program.
const targetEnv = "DEVICEMAP_ANE_TARGET"

// host is what identifies the Neural Engine of a Mac.
type host struct {
	brand string // "Apple M1 Pro"
	build string // of macOS, "25C56"
}

// target is the compiler target of the chip, M(n) being h(n+12), or the given
// override. known is false where the generation is not one of package chip; it
// then counts as the oldest: what that runs, all run.
func (h host) target(override string) (arch string, known bool) {
	if override != "" {
		return override, true
	}
	var n int
	if _, err := fmt.Sscanf(h.brand, "Apple M%d", &n); err == nil {
		arch = fmt.Sprintf("h%d", n+12)
		if _, err := chip.Of(arch); err == nil {
			return arch, true
		}
	}
	return chip.Archs()[0], false
}

// name describes the host for people and for the cache.
func (h host) name(known bool) string {
	s := h.brand + ", macOS build " + h.build
	if !known {
		s += ", chip not known to this program and held to the M1's limits (" + targetEnv + " overrides)"
	}
	return s
}
