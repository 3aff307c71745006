// Package ane races the Apple Neural Engine: it spells a graph as MIL,
// compiles it through the private e5rt interface for the Neural Engine alone,
// proves where it landed, and runs it.
//
// # Arithmetic
//
// Operands and results are fp16; products accumulate wider, sums do not.
// A run on staged operands converts float32 to fp16 and back on the host.
//
// # Proof
//
// A program is compiled with a device mask that permits the Neural Engine
// only. Its bundle must then hold parts of the Neural Engine only, or Compile
// refuses with a [NotOnANEError]. The first Run fills the outputs with a
// pattern that the device must overwrite, or fails with a [StaleError].
//
// # Cache
//
// Programs are kept on the disk under the hash of their text, weights, chip,
// OS build and options, up to [Config.MaxCacheBytes]. A program that is new
// there is compiled in a child process first where the program's main allows
// it ([MaybeChild]): the compiler may take its process down.
//
// # Software engine
//
// [Open] takes any symbol lookup, so that tests run all of this on any host
// through internal/softane. Such an engine is never timed unless asked for,
// and its name says "software".
//
// # Open points
//
// The interface is private, and what is known of it is second-hand. On a Mac
//
//	go test ./device/ane -run 'Probe$' -v
//
// asks the silicon what is still open, each question in a process of its own,
// and prints one screen to paste into an issue.
package ane

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"devicemap/device"
	"devicemap/internal/chip"
	"devicemap/internal/e5rt"
	"devicemap/internal/graph"
)

// Config describes an engine. Lookup and Arch must be given.
type Config struct {
	// Lookup finds the C functions of e5rt, like dlsym.
	Lookup func(symbol string) (uintptr, error)
	Name   string // of the engine; "" means "ANE"
	// Library and Host say what computes where: "Espresso", "Apple M1, macOS
	// build 25C56". They are part of each program's key in the cache.
	Library, Host string
	Arch          string // compiler target, such as "h13"

	CacheDir      string // of compiled programs; "": devicemap/ane in the user's cache directory
	MaxCacheBytes int64  // 0: DefaultMaxCacheBytes

	// Isolate compiles a program that is new to the cache in another process;
	// nil compiles it in this one. See [e5rt.CompileInChild].
	Isolate func(context.Context, e5rt.Job) (e5rt.Verdict, error)
	// Pace waits between compiles after failures.
	Pace e5rt.Pace
	// Wait bounds the wait for another process that compiles the same program;
	// 0 means ten minutes.
	Wait time.Duration

	// RefuseInf makes Download, and the first Run, fail with a
	// [SaturationError] if an output holds an infinity.
	RefuseInf bool
	// Saturate lets inputs beyond fp16 become infinities; otherwise Upload
	// fails with a [RangeError].
	Saturate bool
}

// defaultWait bounds a compile in another process. The largest programs of the
// suite take about a minute.
const defaultWait = 10 * time.Minute

// Open binds the library behind c.Lookup.
func Open(c Config) (device.Engine, error) {
	if c.Lookup == nil {
		panic("ane: Open without Lookup")
	}
	lib, err := e5rt.Bind(c.Lookup)
	if err != nil {
		return nil, unavailable(err)
	}
	lib.Pace = c.Pace
	return open(lib, c)
}

func open(lib *e5rt.Lib, c Config) (*engine, error) {
	if c.Name == "" {
		c.Name = string(device.ANE)
	}
	if c.MaxCacheBytes == 0 {
		c.MaxCacheBytes = DefaultMaxCacheBytes
	}
	if c.Wait == 0 {
		c.Wait = defaultWait
	}
	if c.MaxCacheBytes < 0 || c.Wait < 0 {
		return nil, fmt.Errorf("ane: cache of %d bytes, wait of %v: want 0 (default) or more", c.MaxCacheBytes, c.Wait)
	}
	if c.CacheDir == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("ane: no place for the program cache: %w; set Config.CacheDir", err)
		}
		c.CacheDir = filepath.Join(dir, "devicemap", "ane")
	}
	target, err := chip.Of(c.Arch)
	if err != nil {
		return nil, fmt.Errorf("ane: %w", err)
	}
	e := &engine{lib: lib, chip: target, config: c, programs: map[*program]bool{}}
	e.cache = &cache{dir: c.CacheDir, max: c.MaxCacheBytes, wait: c.Wait, create: createFile}
	return e, nil
}

// engine is an open library with its programs.
type engine struct {
	lib    *e5rt.Lib
	chip   chip.Chip
	config Config
	cache  *cache

	mu       sync.Mutex // guards what follows
	programs map[*program]bool
	closed   bool
}

func (e *engine) Info() device.Info {
	detail := fmt.Sprintf("%s, %v", e.config.Host, e.chip)
	if e.config.Isolate == nil {
		detail += ", compiles in this process"
	}
	return device.Info{Kind: device.ANE, Name: e.config.Name, Library: e.config.Library, Detail: detail,
		DTypes: []device.DType{device.FP16}}
}

// Compile lowers g, compiles it for the Neural Engine and loads it.
func (e *engine) Compile(g *graph.Graph, o device.Options) (device.Program, error) {
	if _, err := e.Info().Pick(o); err != nil {
		return nil, err
	}
	s, err := e.spell(g)
	if err != nil {
		return nil, err
	}
	p, err := e.load(s, o.Staging.Resolve(device.ANE) == device.Staged)
	if err != nil {
		return nil, err // a nil *program is no nil device.Program
	}
	return p, nil
}

// Close closes the programs that are still open. It may be called twice.
func (e *engine) Close() error {
	e.mu.Lock()
	e.closed = true
	left := make([]*program, 0, len(e.programs))
	for p := range e.programs {
		left = append(left, p)
	}
	e.mu.Unlock()
	var errs []error
	for _, p := range left {
		errs = append(errs, p.Close())
	}
	return errors.Join(errs...)
}

// adopt registers an open program, unless the engine was closed meanwhile.
func (e *engine) adopt(p *program) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return fmt.Errorf("ane: compile %s: engine %w", p.name, device.ErrClosed)
	}
	e.programs[p] = true
	return nil
}

func (e *engine) forget(p *program) {
	e.mu.Lock()
	delete(e.programs, p)
	e.mu.Unlock()
}
