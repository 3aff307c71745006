// Package golden reads the reference outputs that independent programs (NumPy
// and PyTorch, in float64) computed from seeded inputs: random streams, single
// operations, measurement kernels, whole models. Tests hold the suite's own
// arithmetic to them.
//
// # Tensors
//
// A drawn tensor is float32(offset + scale·n) with n from internal/rng;
// product and sum are float64. One generator serves a case, kernel, block or
// decode stack, and its tensors are drawn in the listed order, row-major. Each
// parameter of a model has a generator of its own. Every drawn tensor is
// listed with the CRC-32 of its float32 bytes, so that an error of the
// generator shows at once.
//
// # Results
//
// A result is complete or a [Digest] of samples and sums. Tolerances that make
// sense: relerr below 1e-10 for float64 arithmetic; 4·RelErrFloat32 + 2e-7 for
// float32; 1.5·RelErrFP16 + 2e-4 for fp16 storage with a wide accumulator;
// equality for indices, comparisons and data movement. A RelErrFP16 above 0.05
// says that the case is out of reach of fp16.
package golden

import (
	"bytes"
	"embed"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math"
	"os"
)

//go:embed testdata/*.json
var embedded embed.FS

// Set is a directory of reference outputs. Files are read when asked for.
type Set struct {
	files fs.FS
	name  string
}

// Open gives the set in dir, or the embedded copy if dir is "".
func Open(dir string) (*Set, error) {
	if dir == "" {
		sub, err := fs.Sub(embedded, "testdata")
		return &Set{sub, "embedded set"}, err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("golden: %w; want a directory with rng.json, ops.json, kernels.json or models.json", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("golden: %s is a file; want the directory of the set", dir)
	}
	return &Set{os.DirFS(dir), dir}, nil
}

// RNG reads rng.json.
func (s *Set) RNG() (*RNG, error) { return read(s, "rng.json", ParseRNG) }

// Ops reads ops.json.
func (s *Set) Ops() (*Ops, error) { return read(s, "ops.json", ParseOps) }

// Kernels reads kernels.json.
func (s *Set) Kernels() (*Kernels, error) { return read(s, "kernels.json", ParseKernels) }

// Models reads models.json.
func (s *Set) Models() (*Models, error) { return read(s, "models.json", ParseModels) }

func read[T any](s *Set, file string, parse func([]byte) (*T, error)) (*T, error) {
	text, err := fs.ReadFile(s.files, file)
	if err != nil {
		return nil, fmt.Errorf("golden: %s: %w", s.name, err)
	}
	v, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("golden: %s: %s: %w", s.name, file, err)
	}
	return v, nil
}

// Header opens every file.
type Header struct {
	Set      string            `json:"set"`
	MadeWith map[string]string `json:"made_with"` // library to version
	About    string            `json:"about"`
}

// decode parses one JSON value and checks what JSON's types do not say.
func decode[T any](text []byte, check func(*T) error) (*T, error) {
	v := new(T)
	d := json.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(v); err != nil {
		return nil, jsonError(err, len(text))
	}
	if d.More() {
		return nil, fmt.Errorf("text after the JSON value at byte %d", d.InputOffset())
	}
	if err := check(v); err != nil {
		return nil, err
	}
	return v, nil
}

// jsonError names the field and the position of a decoding error.
func jsonError(err error, size int) error {
	var kind *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &kind):
		return fmt.Errorf("field %s at byte %d: JSON %s is not a %v", kind.Field, kind.Offset, kind.Value, kind.Type)
	case errors.As(err, &syntax):
		return fmt.Errorf("byte %d of %d: %w", syntax.Offset, size, err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("cut off after %d bytes: %w", size, err)
	}
	return err
}

// Numbers is a number, a list of numbers or a list of such lists, flattened in
// order.
type Numbers []float64

// UnmarshalJSON reads any nesting of numbers.
func (n *Numbers) UnmarshalJSON(text []byte) error {
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		return err
	}
	*n = nil
	return n.flatten(v)
}

func (n *Numbers) flatten(v any) error {
	switch v := v.(type) {
	case float64:
		*n = append(*n, v)
	case []any:
		for _, e := range v {
			if err := n.flatten(e); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("%T among numbers", v)
	}
	return nil
}

// Ints are the numbers as integers.
func (n Numbers) Ints() []int {
	out := make([]int, len(n))
	for i, v := range n {
		out[i] = int(v)
	}
	return out
}

// Tensor is a drawn tensor: shape and CRC-32 of its float32 bytes.
type Tensor struct {
	Name  string `json:"name"`
	Shape []int  `json:"shape"`
	CRC32 string `json:"crc32_float32"`
	// AltCRC32 is that of the other reading of the scaling rule (round to
	// float32, scale in float64, round again), where it was taken.
	AltCRC32 string `json:"crc32_float32_if_rounded_before_scaling"`
}

// Check compares a rebuilt tensor with the listed size and CRC-32.
func (t Tensor) Check(got []float32) error {
	n, err := elems(t.Shape)
	if err != nil {
		return fmt.Errorf("golden: tensor %s: %w", t.Name, err)
	}
	if len(got) != n {
		return fmt.Errorf("golden: tensor %s: got %d values, want %d of shape %v", t.Name, len(got), n, t.Shape)
	}
	if crc := CRC32(got); crc != t.CRC32 {
		return fmt.Errorf("golden: tensor %s: got CRC-32 %s, want %s: not the listed draws", t.Name, crc, t.CRC32)
	}
	return nil
}

// CRC32 is the IEEE CRC-32 of the little-endian bytes of v, as eight hexadecimal
// digits.
func CRC32(v []float32) string {
	const chunk = 4096
	h := crc32.NewIEEE()
	buf := make([]byte, 0, 4*chunk)
	for i, x := range v {
		buf = binary.LittleEndian.AppendUint32(buf, math.Float32bits(x))
		if len(buf) == 4*chunk || i == len(v)-1 {
			h.Write(buf) // a hash never fails
			buf = buf[:0]
		}
	}
	return fmt.Sprintf("%08x", h.Sum32())
}

// elems is the number of elements of a shape; the bound keeps products of
// malformed shapes from overflowing.
func elems(shape []int) (int, error) {
	n := 1
	for _, d := range shape {
		if d < 1 || n > (1<<40)/d {
			return 0, fmt.Errorf("shape %v: want dimensions of at least 1 and at most 2^40 elements", shape)
		}
		n *= d
	}
	return n, nil
}
