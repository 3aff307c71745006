package ane

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"devicemap/device"
	"devicemap/internal/e5rt"
	"devicemap/internal/fp16"
	"devicemap/internal/mil"
)

// ErrConcurrent: another goroutine is using the program.
var ErrConcurrent = errors.New("concurrent use of one program: its buffers are shared, so let one goroutine use it or compile a second one")

// DriverError is a program that the runtime would not compile, load or
// execute.
type DriverError struct {
	Engine  string
	Program string // graph
	Host    string // chip and OS build
	File    string // MIL file, kept in the cache
	Err     error  // an *e5rt.StatusError, or the end of a crashed compile
}

func (e *DriverError) Error() string {
	text := fmt.Sprintf("%s: %s on %s: %v", e.Engine, e.Program, e.Host, e.Err)
	if !strings.Contains(text, e.File) {
		text += "; program in " + e.File
	}
	return text
}

func (e *DriverError) Unwrap() error { return e.Err }

// Is makes a refused compile a device.ErrRefused, and a failed allocation a
// device.ErrOutOfMemory.
func (e *DriverError) Is(target error) bool {
	switch target {
	case device.ErrRefused:
		return errors.Is(e.Err, e5rt.ErrRefused) || e.noMemory()
	case device.ErrOutOfMemory:
		return e.noMemory()
	}
	return false
}

func (e *DriverError) noMemory() bool {
	var st *e5rt.StatusError
	return errors.As(e.Err, &st) && st.Code == statusNoMemory
}

// statusNoMemory is the library's "memory allocation failure".
const statusNoMemory = 3

func (e *engine) driver(program string, t *entry, err error) error {
	return &DriverError{e.config.Name, program, e.config.Host, t.path(modelFile), err}
}

// RefusedError is a graph that has no valid program for the Neural Engine.
type RefusedError struct {
	Engine, Program string
	Err             error
}

func (e *RefusedError) Error() string { return fmt.Sprintf("%s: %s: %v", e.Engine, e.Program, e.Err) }

func (e *RefusedError) Unwrap() error { return e.Err }

// Is makes a RefusedError a device.ErrRefused, and one for too many weights a
// device.ErrOutOfMemory.
func (e *RefusedError) Is(target error) bool {
	var size *mil.SizeError
	return target == device.ErrRefused || target == device.ErrOutOfMemory && errors.As(e.Err, &size)
}

func unavailable(err error) error { return fmt.Errorf("%w: %w", device.ErrUnavailable, err) }

// RangeError refuses input values that the device's element type cannot hold.
type RangeError struct {
	Engine, Program, Input string
	Count, Elems           int
	DType                  e5rt.DType
	Limit                  float64 // largest value of DType
	Largest                float64 // finite magnitude of the input
}

func (e *RangeError) Error() string {
	return fmt.Sprintf("%s: %s: %d of %d values of input %s are beyond %s, largest magnitude %g, limit %g; scale the input down",
		e.Engine, e.Program, e.Count, e.Elems, e.Input, e.DType, e.Largest, e.Limit)
}

func (p *program) rangeError(in *port, count int) error {
	e := &RangeError{p.engine.config.Name, p.name, in.name, count, len(in.host), in.dtype, fp16.Max, largest(in.host)}
	if in.dtype == e5rt.UInt8 {
		e.Limit = math.MaxUint8
	}
	return e
}

// StaleError is a run that reported success without writing its outputs.
type StaleError struct {
	Engine, Program, Output string
	Count, Elems            int
}

func (e *StaleError) Error() string {
	return fmt.Sprintf("%s: %s: the run succeeded but left %d of %d values of output %s untouched; nothing it yields can be trusted",
		e.Engine, e.Program, e.Count, e.Elems, e.Output)
}

// SaturationError is an output with infinities.
type SaturationError struct {
	Engine, Program, Output string
	Count                   int // infinite values
	First                   int // index of the first
}

func (e *SaturationError) Error() string {
	return fmt.Sprintf("%s: %s: %d values of output %s are infinite, the first at %d; "+
		"a product exceeded about 32752, or a slice offset on the last axis met magnitudes above 4094 (before A16): scale the operands down",
		e.Engine, e.Program, e.Count, e.Output, e.First)
}

// Is makes a SaturationError a device.ErrSaturated.
func (e *SaturationError) Is(target error) bool { return target == device.ErrSaturated }
