package results

import (
	"bytes"
	"io"
	"strconv"
)

// Normalizer passes the output of go test -bench on in a form in which the
// files of two hosts pair under plain benchstat:
//
//   - goos:, goarch: and cpu: lines become "# " comments, because benchstat
//     opens a new table for each of their values;
//   - the suffix -N of a result line, N being GOMAXPROCS, becomes spaces,
//     because benchstat pairs rows by the whole name.
//
// Every other byte passes as it is. Only the first word of a line is ever held
// back: until it is complete, or until Close.
type Normalizer struct {
	w      io.Writer
	suffix []byte
	held   []byte // start of a line that may yet need a change
	inside bool   // past the part of the line that may change
}

var resultPrefix = []byte("Benchmark")

// hostKeys start the lines that describe the host; candidates are all line
// starts that may change.
var (
	hostKeys   = [][]byte{[]byte("goos:"), []byte("goarch:"), []byte("cpu:")}
	candidates = [][]byte{hostKeys[0], hostKeys[1], hostKeys[2], resultPrefix}
)

// NewNormalizer writes to w. procs is the GOMAXPROCS of the benchmarks; go
// test writes no suffix where it is 1.
func NewNormalizer(w io.Writer, procs int) *Normalizer {
	n := &Normalizer{w: w}
	if procs > 1 {
		n.suffix = []byte("-" + strconv.Itoa(procs))
	}
	return n
}

// Write takes any piece of the output; pieces need not end at line ends.
func (n *Normalizer) Write(p []byte) (int, error) {
	var out []byte
	for _, c := range p {
		if n.inside {
			out = append(out, c)
			n.inside = c != '\n'
			continue
		}
		n.held = append(n.held, c)
		if c == '\n' || !n.undecided() {
			out = append(out, n.decide()...)
			n.held = n.held[:0]
			n.inside = c != '\n'
		}
	}
	if len(out) > 0 {
		if _, err := n.w.Write(out); err != nil {
			return 0, err
		}
	}
	return len(p), nil
}

// undecided reports whether the held start of a line needs more bytes.
func (n *Normalizer) undecided() bool {
	if bytes.HasPrefix(n.held, resultPrefix) {
		return !blank(n.held[len(n.held)-1])
	}
	for _, start := range candidates {
		if len(n.held) < len(start) && bytes.HasPrefix(start, n.held) {
			return true
		}
	}
	return false
}

// decide is the held start of a line as it is passed on.
func (n *Normalizer) decide() []byte {
	for _, key := range hostKeys {
		if bytes.HasPrefix(n.held, key) {
			return append([]byte("# "), n.held...)
		}
	}
	last := len(n.held) - 1
	if n.suffix == nil || !bytes.HasPrefix(n.held, resultPrefix) || !blank(n.held[last]) {
		return n.held
	}
	name, ok := bytes.CutSuffix(n.held[:last], n.suffix)
	if !ok {
		return n.held
	}
	// Spaces instead of the suffix keep the columns of the output aligned.
	return append(append(bytes.Clone(name), bytes.Repeat([]byte(" "), len(n.suffix))...), n.held[last])
}

func blank(c byte) bool { return c == ' ' || c == '\t' }

// Close passes on what is held of a last line without line break. It does not
// close the writer below.
func (n *Normalizer) Close() error {
	if len(n.held) == 0 {
		return nil
	}
	_, err := n.w.Write(n.held)
	n.held = nil
	return err
}
