// Package device is the contract between the suite and the compute engines
// that it races: what an engine says of itself, how it compiles a graph, and
// how a compiled program is fed, run and read.
//
// Engines live in the packages below this one and import no other engine.
// What holds for all of them is checked by the corpus.
//
// # Absence
//
// An engine that this host lacks is an [Absence] with a reason and the way to
// get it, never a failure. Its error wraps [ErrUnavailable].
package device

import (
	"errors"
	"fmt"

	"devicemap/internal/graph"
	"devicemap/internal/unavailable"
)

// Kind is the class of compute engine that a row of the map belongs to.
type Kind string

// The engine classes.
const (
	CPU Kind = "CPU"
	GPU Kind = "GPU"
	ANE Kind = "ANE" // Apple Neural Engine
)

// DType is the arithmetic of an arm.
type DType string

// The arms' arithmetics.
const (
	FP32 DType = "fp32"
	FP16 DType = "fp16"
	BF16 DType = "bf16"
)

// Staging says whether a run pays for moving its operands between the host and
// the device (trap T4 of the measurements: staging alone decides some verdicts).
type Staging uint8

// The staging rules.
const (
	// AsPublished is the paper's rule for the engine's kind: the Neural Engine
	// stages inputs and outputs on every call, the GPU and the CPU compute on
	// resident operands.
	AsPublished Staging = iota
	Resident            // operands stay on the device; Run moves nothing
	Staged              // Run copies every input in and every output out
)

func (s Staging) String() string { return [...]string{"published", "resident", "staged"}[s] }

// Resolve replaces AsPublished by the paper's rule for k.
func (s Staging) Resolve(k Kind) Staging {
	switch {
	case s != AsPublished:
		return s
	case k == ANE:
		return Staged
	default:
		return Resident
	}
}

// Options choose how a graph is compiled. The zero value is the published
// protocol in the engine's first dtype.
type Options struct {
	DType   DType
	Staging Staging
}

// Info describes an engine.
type Info struct {
	Kind    Kind
	Name    string // value of the device= key: "CPU", "GPU", "ANE-software"
	Library string // what computes, with its version: "gonum v0.17.0"
	Detail  string // hardware and threads, for people
	DTypes  []DType
}

// Engine compiles graphs for one compute engine of the host. Its methods are
// safe for concurrent use.
type Engine interface {
	Info() Info
	// Compile builds a program. Refusals are typed: [UnsupportedError],
	// [LimitError] and [ErrOutOfMemory] can be told apart with errors.As and
	// errors.Is, and all refusals of the engine wrap [ErrRefused].
	Compile(g *graph.Graph, o Options) (Program, error)
	Close() error
}

// Program is a compiled graph with its buffers. It is used by one goroutine at
// a time.
type Program interface {
	// Input is the host buffer of input i, in the order of the graph's Inputs;
	// fill it, then Upload.
	Input(i int) []float32
	// Upload moves all inputs to the device.
	Upload() error
	// Run computes the graph once and returns when the device is done. It
	// allocates nothing. Under staged operands it uploads and downloads too.
	Run() error
	// Download moves all outputs to the host.
	Download() error
	// Output is the host buffer of output i, in the order of the graph's
	// Outputs; valid until the next Run.
	Output(i int) []float32
	// Close releases the program; it may be called twice.
	Close() error
}

// Failures that callers branch on.
var (
	// ErrUnavailable: this host or build lacks the engine. It wraps
	// [errors.ErrUnsupported].
	ErrUnavailable = unavailable.New("not available")
	// ErrRefused: the engine exists and declines this graph.
	ErrRefused = errors.New("graph refused")
	// ErrOutOfMemory: buffers or weights do not fit.
	ErrOutOfMemory = fmt.Errorf("out of memory: %w", ErrRefused)
	// ErrSaturated: a result holds an infinity, which the engine does not hand
	// out.
	ErrSaturated = errors.New("infinite result")
	// ErrClosed: the program or engine was closed before.
	ErrClosed = errors.New("used after Close")
)

// UnsupportedError refuses an operation or a dtype that the engine has no
// kernel for.
type UnsupportedError struct {
	Engine string
	Node   string // name in the graph; empty for a refused dtype
	What   string // operation or dtype
	Reason string
}

func (e *UnsupportedError) Error() string {
	at := ""
	if e.Node != "" {
		at = e.Node + ": "
	}
	return fmt.Sprintf("%s: %s%s is not supported: %s", e.Engine, at, e.What, e.Reason)
}

// Is makes an UnsupportedError an [ErrRefused].
func (e *UnsupportedError) Is(target error) bool { return target == ErrRefused }

// LimitError refuses a graph that exceeds a limit, before any driver sees it.
type LimitError struct {
	Engine     string
	Node       string // name in the graph
	What       string // the limited quantity
	Got, Limit int
	Family     string // the silicon or library that sets the limit
	Hint       string // what to do instead; never empty
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("%s: %s: %s %d exceeds %d on %s; %s", e.Engine, e.Node, e.What, e.Got, e.Limit, e.Family, e.Hint)
}

// Is makes a LimitError an [ErrRefused].
func (e *LimitError) Is(target error) bool { return target == ErrRefused }

// Absence says why an engine is not raced.
type Absence struct {
	Kind Kind
	Name string
	Err  error // wraps ErrUnavailable when the host simply lacks the engine
}

func (a Absence) String() string { return fmt.Sprintf("%s: %v", a.Name, a.Err) }

// Opener opens one engine, or says why the host lacks it.
type Opener struct {
	Kind Kind
	Name string
	Open func() (Engine, error)
}

// Discover opens every engine it can. The error of an opener becomes an
// Absence; a panic-free opener never stops the others.
func Discover(openers ...Opener) (found []Engine, absent []Absence) {
	for _, o := range openers {
		e, err := o.Open()
		if err != nil {
			absent = append(absent, Absence{o.Kind, o.Name, err})
			continue
		}
		found = append(found, e)
	}
	return found, absent
}

// Pick is the dtype of o, or the engine's first one; it refuses a dtype that
// the engine does not list.
func (i Info) Pick(o Options) (DType, error) {
	if o.DType == "" {
		return i.DTypes[0], nil
	}
	for _, d := range i.DTypes {
		if d == o.DType {
			return d, nil
		}
	}
	return "", &UnsupportedError{Engine: i.Name, What: string(o.DType),
		Reason: fmt.Sprintf("the engine computes in %v", i.DTypes)}
}
