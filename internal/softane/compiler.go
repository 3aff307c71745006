package softane

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// config is the configuration of a compiler.
type config struct{ cache string }

func (c *config) setCache(dir string) *refusal {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return refuse(badArgument, "Invalid Function Argument: cache bundle location %q is not a directory", dir)
	}
	c.cache = dir
	return nil
}

// compilerOptions are those of one compile.
type compilerOptions struct {
	mask  uint64
	force bool
}

func (o *compilerOptions) setSegmenter(name string) *refusal {
	if name != "graph" {
		return refuse(badArgument, "Invalid Function Argument: segmenter %q is not known", name)
	}
	return nil
}

// maskANE is the bit of the Neural Engine in a device mask.
const maskANE = 0x4

// library is a compiled program file.
type library struct{ main *program }

func (e *Engine) createCompiler(out *handle, h handle) *refusal {
	c, bad := lookup[*config](&e.handles, Config, h)
	if bad != nil {
		return bad
	}
	copied := *c // a later setter does not reach the compiler
	return e.add(Compiler, &copied, out)
}

func (e *Engine) compile(h handle, cPath *byte, options handle, out *handle) *refusal {
	c, bad := lookup[*config](&e.handles, Compiler, h)
	if bad != nil {
		return bad
	}
	o, bad := lookup[*compilerOptions](&e.handles, CompilerOptions, options)
	if bad != nil {
		return bad
	}
	path, bad := goString(cPath, "e5_compiler_compile")
	if bad != nil {
		return bad
	}
	if o.mask&maskANE == 0 {
		return refuse(badOperation, "device mask %#x: the program is not supported on any backend of the software engine, which has the ANE alone", o.mask)
	}
	p, bad := compileFile(path, e.chip)
	if bad != nil {
		return bad
	}
	if c.cache != "" {
		if err := e.writeBundle(c.cache, p); err != nil {
			return refuse(fault, "cache bundle: %v", err)
		}
	}
	return e.add(Library, &library{p}, out)
}

// writeBundle leaves what a compile leaves in its cache: one directory for the
// function on the back end, and the analytics of its operations.
func (e *Engine) writeBundle(cache string, p *program) error {
	bundle := filepath.Join(cache, e.chip.bundle())
	if err := os.MkdirAll(filepath.Join(bundle, "main", "main_ane"), 0o755); err != nil {
		return err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "// %v: simulated, no hardware took part\n", e)
	for _, op := range p.ops {
		fmt.Fprintf(&text, "%s()[SelectedBackend = string(\"ane\")];\n", op)
	}
	return os.WriteFile(filepath.Join(bundle, "main", "main_ane", "analytics.mil"), []byte(text.String()), 0o644)
}
