package cpu

import (
	"errors"
	"fmt"
	"strings"

	"devicemap/device"
)

// library is one set of kernels, opened: the embedded ones, or those of an
// installed library with the embedded ones where it has none.
type library struct {
	name    string   // as -cpu-lib spells it
	version string   // for people: name, version, instruction set
	kernels *kernels // float32
	bf16    *kernels // products in bf16 with float32 sums; nil: no such arm
	fp16    *kernels // products of fp16 operands; nil: no such arm
	locked  bool     // all calls must come from one OS thread
	notes   []string // what of it is not used, and why
	close   func() error
}

// arm is the kernels of a dtype, or nil.
func (l *library) arm(d device.DType) *kernels {
	return map[device.DType]*kernels{device.FP32: l.kernels, device.BF16: l.bf16, device.FP16: l.fp16}[d]
}

// candidate is a library that this build knows.
type candidate struct {
	name string
	open func(threads int) (*library, error)
}

// candidates lists the libraries in the order of preference: the fastest one
// that loads and passes its check is used. gonum is the portable fallback.
func candidates() []candidate {
	return append(systemCandidates(), []candidate{
		{"embedded", openEmbedded},
		{"openblas", func(threads int) (*library, error) { return openOpenBLAS(threads) }},
		{"onednn", openOneDNN},
		{"gonum", openGonum},
	}...)
}

// Libraries lists the names that Config.Library takes, best first.
func Libraries() []string { return names(candidates()) }

func names(list []candidate) []string {
	var all []string
	for _, c := range list {
		all = append(all, c.name)
	}
	return all
}

// openLibrary opens the named one of list, or the first that loads and passes
// its check, with the executor that a locked one must be used on. passed lists
// in one line each why better ones were not taken.
func openLibrary(list []candidate, name string, threads int) (lib *library, exec *executor, passed []string, err error) {
	for _, c := range list {
		if name != "" && c.name != name {
			continue
		}
		lib, exec, err := c.openChecked(threads)
		if err == nil {
			return lib, exec, passed, nil
		}
		if name != "" {
			return nil, nil, nil, fmt.Errorf("cpu: library %s: %w", name, err)
		}
		passed = append(passed, fmt.Sprintf("%s: %v", c.name, err))
	}
	if name != "" {
		return nil, nil, nil, fmt.Errorf("cpu: no library %q; there are %s", name, strings.Join(names(list), ", "))
	}
	return nil, nil, nil, fmt.Errorf("cpu: no kernels: %s: %w", strings.Join(passed, "; "), device.ErrUnavailable)
}

// openChecked opens c on a thread of its own, whose float mode the library's
// threads inherit, and keeps that thread if the library is locked to it.
func (c candidate) openChecked(threads int) (lib *library, exec *executor, err error) {
	exec = newExecutor()
	err = exec.do(newCall(func() error {
		var err error
		if lib, err = c.open(threads); err != nil {
			return err
		}
		if err = check(lib, threads); err != nil {
			return errors.Join(err, lib.close())
		}
		return nil
	}))
	if err != nil || !lib.locked {
		exec.close()
		exec = nil
	}
	return lib, exec, err
}

func openGonum(int) (*library, error) {
	return &library{name: "gonum", version: "gonum " + moduleVersion("gonum.org/v1/gonum", gonumVersion),
		kernels: gonumKernels(), close: func() error { return nil }}, nil
}
