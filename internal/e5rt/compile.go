package e5rt

import (
	"errors"
	"fmt"
	"strings"
	"sync"
)

// Mask is a set of devices that a program may be compiled for.
type Mask uint64

// MaskANE permits the Neural Engine alone. Any wider mask lets a refused
// program land on the CPU without a word, so no other one is accepted.
// (The other bits: 0x1 CPU, 0x2 GPU.)
const MaskANE Mask = 0x4

// Options of one compile. The zero value is the published protocol.
type Options struct {
	Mask      Mask   // 0 means MaskANE
	Force     bool   // compile even if the cache holds a bundle of this program
	Profiling bool   // emit signposts; ignored where the library cannot
	Custom    string // back-end options, such as "TargetArchitecture=h13"
}

// Library is a compiled program file.
type Library struct {
	mu       sync.Mutex
	l        *Lib
	path     string
	handle   Handle
	compiler owned // configuration, compiler and options: kept until an operation exists
	refs     owned
	users    int // open functions
	closed   bool
}

// Compile compiles the MIL file at path; the file's directory holds its
// weights. cacheDir must exist and belong to this program alone.
func (l *Lib) Compile(path, cacheDir string, o Options) (*Library, error) {
	if o.Mask == 0 {
		o.Mask = MaskANE
	}
	if o.Mask != MaskANE {
		return nil, fmt.Errorf("e5rt: compile %s: device mask %#x would permit other devices; only %#x proves the Neural Engine", path, uint64(o.Mask), uint64(MaskANE))
	}
	if err := checkStrings(path, cacheDir, o.Custom); err != nil {
		return nil, err
	}
	if o.Custom != "" && l.c.optionsSetCustom == nil {
		return nil, fmt.Errorf("%w: the library takes no back-end options, got %q", ErrUnavailable, o.Custom)
	}
	l.compiling.Lock()
	defer l.compiling.Unlock()
	l.Pace.wait(l.failures)
	defer l.pool.enter()()
	lib, err := l.compileLocked(path, cacheDir, o)
	l.failures = l.Pace.after(l.failures, err)
	return lib, err
}

// checkStrings refuses strings that C would cut short.
func checkStrings(list ...string) error {
	for _, s := range list {
		if strings.ContainsRune(s, 0) {
			return fmt.Errorf("e5rt: string %q contains a NUL byte", s)
		}
	}
	return nil
}

func (l *Lib) compileLocked(path, cacheDir string, o Options) (lib *Library, err error) {
	lib = &Library{l: l, path: path}
	defer func() {
		if err != nil {
			err = errors.Join(err, lib.compiler.releaseAll(l))
			lib = nil
		}
	}()
	compiler, options, err := lib.setUp(cacheDir, o)
	if err != nil {
		return lib, err
	}
	lib.handle, err = l.create(StageCompile, path, func(out *Handle) Status {
		return l.c.compile(compiler, path, options, out)
	})
	if err == nil {
		lib.refs.push(lib.handle, l.c.libraryRelease, "library "+path)
	}
	return lib, err
}

// setUp makes the compiler and its options.
func (lib *Library) setUp(cacheDir string, o Options) (compiler, options Handle, err error) {
	l, c := lib.l, &lib.l.c
	config, err := l.create(StageSetup, "", c.configCreate)
	if err != nil {
		return 0, 0, err
	}
	lib.compiler.push(config, c.configRelease, "compiler configuration")
	err = l.do(StageSetup, cacheDir, func() Status { return c.configSetCache(config, cacheDir) })
	if err != nil {
		return 0, 0, err
	}
	compiler, err = l.create(StageSetup, "", func(out *Handle) Status { return c.compilerCreate(out, config) })
	if err != nil {
		return 0, 0, err
	}
	lib.compiler.push(compiler, c.compilerRelease, "compiler")
	options, err = l.create(StageSetup, "", c.optionsCreate)
	if err != nil {
		return 0, 0, err
	}
	lib.compiler.push(options, c.optionsRelease, "compiler options")
	return compiler, options, lib.setOptions(options, o)
}

func (lib *Library) setOptions(h Handle, o Options) error {
	c := &lib.l.c
	steps := []struct {
		what string
		call func() Status
	}{
		{"device mask", func() Status { return c.optionsSetMask(h, uint64(o.Mask)) }},
		{"force flag", func() Status { return c.optionsSetForce(h, flag(o.Force)) }},
		{"segmenter", func() Status { return c.optionsSetSegmenter(h, "graph") }},
	}
	for _, s := range steps {
		if err := lib.l.do(StageSetup, s.what, s.call); err != nil {
			return err
		}
	}
	if o.Profiling && c.optionsSetProfiling != nil {
		if err := lib.l.do(StageSetup, "profiling", func() Status { return c.optionsSetProfiling(h, 1) }); err != nil {
			return err
		}
	}
	if o.Custom != "" {
		return lib.l.do(StageSetup, o.Custom, func() Status { return c.optionsSetCustom(h, o.Custom) })
	}
	return nil
}

func flag(b bool) int32 {
	if b {
		return 1
	}
	return 0
}

// releaseCompiler gives back what only a compile needs.
func (lib *Library) releaseCompiler() error {
	lib.mu.Lock()
	defer lib.mu.Unlock()
	return lib.compiler.releaseAll(lib.l)
}

// Close releases the library. Its functions must be closed before.
func (lib *Library) Close() error {
	lib.mu.Lock()
	defer lib.mu.Unlock()
	switch {
	case lib.closed:
		return fmt.Errorf("library %s: %w", lib.path, ErrClosed)
	case lib.users > 0:
		return fmt.Errorf("library %s: %w by %d functions: close them first", lib.path, ErrBusy, lib.users)
	}
	lib.closed = true
	return errors.Join(lib.compiler.releaseAll(lib.l), lib.refs.releaseAll(lib.l))
}

func (lib *Library) leave() {
	lib.mu.Lock()
	lib.users--
	lib.mu.Unlock()
}
