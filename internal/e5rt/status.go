package e5rt

import (
	"fmt"
	"strings"
)

// Stage is the step of a program's life in which a call failed.
type Stage string

// The stages, in order.
const (
	StageSetup   Stage = "set up compiler"
	StageCompile Stage = "compile"
	StageLoad    Stage = "load program" // function and operation
	StageBind    Stage = "bind port"
	StageEncode  Stage = "encode"
	StageExecute Stage = "execute"
	StageRelease Stage = "release"
)

// StatusError is a call that the library refused.
type StatusError struct {
	Stage  Stage
	Object string // program file, function or port; may be empty
	Code   Status
	Text   string // the library's own words; empty when it gave none
	Hint   string // what to do; empty when unknown
}

func (e *StatusError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "e5rt: %s", e.Stage)
	if e.Object != "" {
		fmt.Fprintf(&b, " %s", e.Object)
	}
	fmt.Fprintf(&b, ": status %d (%s)", e.Code, e.Code.meaning())
	if e.Text != "" {
		// The library's text may have several lines; an error here has one.
		fmt.Fprintf(&b, ": %s", strings.Join(strings.Fields(e.Text), " "))
	}
	if e.Hint != "" {
		fmt.Fprintf(&b, "; %s", e.Hint)
	}
	return b.String()
}

// Is makes a StatusError of the compile stage an [ErrRefused].
func (e *StatusError) Is(target error) bool {
	return target == ErrRefused && e.Stage == StageCompile
}

// meanings of the statuses. Source: the library's own strings, as observed on
// macOS 26; 11 was only seen after a refusal by the ANE compiler.
var meanings = map[Status]string{
	0:  "success",
	1:  "invalid function argument",
	2:  "invalid operation",
	3:  "memory allocation failure",
	4:  "out-of-bounds access",
	5:  "invalid type parameter",
	6:  "invalid data type",
	11: "rejected by the ANE compiler",
}

func (s Status) meaning() string {
	if m, ok := meanings[s]; ok {
		return m
	}
	return "unknown"
}

// hints maps fragments of the library's texts to what the user can do. The
// first match wins: specific causes stand before general ones.
var hints = []struct{ fragment, hint string }{
	{"Invalid E5 path specified", "the path is no program file or bundle"},
	{"Cannot provide program function as nullptr", "the library has no function of that name"},
	{"Invalid BufferType", "buffer types are 0 to 2"},
	{"eventName is NULL", "an event needs a name"},
	{"is no longer supported", "this call was retired by the OS; the binding needs an update"},
	{"Use submit_async", "this call was retired by the OS; the binding needs an update"},
	{"hence cannot be reset", "an operation was prepared before it was encoded"},
	{"MIL is only supported for H13+", "the chip is older than the M1 and cannot run MIL programs"},
	{"unordered_map::at: key not found", "an output is directly an input: multiply it by 1"},
	{"Rank of the shape parameter", "use tensors of rank 1 to 5"},
	{"too many loaded", "about 128 programs may be loaded per process: close some"},
	{"Must re-compile the E5 bundle", "the cached bundle is stale: compile again with Force"},
	{"ANE model load has failed", "the cached bundle does not load: compile again with Force"},
	{"0xe00002e2", "the driver refused an unsigned program: compile it on this host"},
	{"not supported on any backend", "an operation or dtype has no ANE implementation, or the weights exceed 2 GB: replace the operation or split the program"},
	{"Not implemented", "an operation or dtype has no ANE implementation, or the weights exceed 2 GB: replace the operation or split the program"},
	{"ANECCompile() FAILED", "the ANE back end refused the program: a limit or an unsupported configuration; bisect it by halving the graph"},
}

func newStatusError(stage Stage, object string, code Status, text string) *StatusError {
	e := &StatusError{Stage: stage, Object: object, Code: code, Text: text}
	for _, h := range hints {
		if strings.Contains(text, h.fragment) {
			e.Hint = h.hint
			return e
		}
	}
	e.Hint = stageHints[stage]
	return e
}

// stageHints serve where the text says nothing that is known.
var stageHints = map[Stage]string{
	StageCompile: "bisect the program by halving the graph; its file is kept",
	StageLoad:    "the Neural Engine may be out of reach (virtual machine?), or about 128 programs are loaded: close some",
	StageBind:    "port names are the parameters and the returned names of the MIL function",
	StageExecute: "the program is unusable now: close it and compile it again",
}
