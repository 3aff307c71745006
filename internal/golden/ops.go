package golden

import (
	"encoding/json"
	"fmt"
	"math"

	"devicemap/internal/rng"
)

// Ops is ops.json: single operations on small tensors.
type Ops struct {
	Header
	Definitions map[string]string `json:"definitions"` // of every op that needs one
	Cases       []Case            `json:"cases"`
}

// Case is one operation with its inputs and complete outputs.
type Case struct {
	ID      int      `json:"id"`
	Op      string   `json:"op"`
	Seed    uint64   `json:"seed"` // of the generator that draws all inputs
	Inputs  []Input  `json:"inputs"`
	Params  Params   `json:"params"`
	Outputs []Result `json:"outputs"`
}

// Name identifies the case in a test's name.
func (c Case) Name() string { return fmt.Sprintf("%03d-%s", c.ID, c.Op) }

// InputKind says how an input is made.
type InputKind string

// The kinds of inputs.
const (
	Normal   InputKind = "normal"   // offset + scale·n
	Positive InputKind = "positive" // offset + |scale·n|
	Listed   InputKind = "values"   // given; without a CRC-32 they are indices
)

// Input describes one operand of a case.
type Input struct {
	Kind   InputKind `json:"kind"`
	Shape  []int     `json:"shape"`
	Scale  float64   `json:"scale"`
	Offset float64   `json:"offset"`
	Values Numbers   `json:"values"`
	CRC32  string    `json:"crc32_float32"`
}

// IsIndices reports whether the input holds integers.
func (in Input) IsIndices() bool { return in.Kind == Listed && in.CRC32 == "" }

// Result is one output of a case: Values, or Integers where the operation
// gives indices or truth values.
type Result struct {
	Shape         []int     `json:"shape"`
	Values        []float64 `json:"values"`
	Integers      []int     `json:"integers"`
	RelErrFloat32 float64   `json:"relerr_float32"`
	RelErrFP16    float64   `json:"relerr_fp16"`
}

// Floats is the result as numbers, whichever kind it is.
func (r Result) Floats() []float64 {
	if r.Integers == nil {
		return r.Values
	}
	out := make([]float64, len(r.Integers))
	for i, v := range r.Integers {
		out[i] = float64(v)
	}
	return out
}

// Tensors rebuilds the inputs and proves them by their CRC-32.
func (c Case) Tensors() ([][]float32, error) {
	s := rng.New(c.Seed)
	out := make([][]float32, len(c.Inputs))
	for i, in := range c.Inputs {
		v, err := in.draw(s)
		if err != nil {
			return nil, fmt.Errorf("golden: case %s: input %d: %w", c.Name(), i, err)
		}
		out[i] = v
		if in.IsIndices() {
			continue
		}
		if crc := CRC32(v); crc != in.CRC32 {
			return nil, fmt.Errorf("golden: case %s: input %d: got CRC-32 %s, want %s", c.Name(), i, crc, in.CRC32)
		}
	}
	return out, nil
}

func (in Input) draw(s *rng.Source) ([]float32, error) {
	n, err := elems(in.Shape)
	if err != nil {
		return nil, err
	}
	if n > 1<<24 {
		return nil, fmt.Errorf("shape %v: an operand of a single case has at most 2^24 values", in.Shape)
	}
	switch in.Kind {
	case Normal:
		return s.Float32s(n, in.Scale, in.Offset), nil
	case Positive:
		out := make([]float32, n)
		for i, x := range s.Normals(n) {
			out[i] = float32(in.Offset + math.Abs(float64(in.Scale*x)))
		}
		return out, nil
	}
	out := make([]float32, n)
	for i, x := range in.Values {
		out[i] = float32(x)
	}
	return out, nil
}

// Params are the parameters of an operation by name. Lists are flattened.
type Params map[string]Param

// Param is a number, a list of numbers, a truth value or a text.
type Param struct {
	Numbers Numbers
	Text    string
	True    bool
}

// UnmarshalJSON reads any of the kinds.
func (p *Param) UnmarshalJSON(text []byte) error {
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		return err
	}
	switch v := v.(type) {
	case bool:
		p.True = v
	case string:
		p.Text = v
	default:
		return p.Numbers.flatten(v)
	}
	return nil
}

// Float is a number, or missing where there is none.
func (p Params) Float(name string, missing float64) float64 {
	if v := p[name].Numbers; len(v) > 0 {
		return v[0]
	}
	return missing
}

// Int is an integer, or missing where there is none.
func (p Params) Int(name string, missing int) int { return int(p.Float(name, float64(missing))) }

// Ints is a list of integers; nil where there is none.
func (p Params) Ints(name string) []int {
	if v := p[name].Numbers; v != nil {
		return v.Ints()
	}
	return nil
}

// Pair is a list of two integers, or missing twice where there is none.
func (p Params) Pair(name string, missing int) [2]int {
	if v := p.Ints(name); len(v) == 2 {
		return [2]int{v[0], v[1]}
	}
	return [2]int{missing, missing}
}

// True reports whether a truth value is given and true.
func (p Params) True(name string) bool { return p[name].True }

// Text is a text, or "".
func (p Params) Text(name string) string { return p[name].Text }

// ParseOps parses ops.json.
func ParseOps(text []byte) (*Ops, error) { return decode(text, (*Ops).check) }

func (o *Ops) check() error {
	if len(o.Cases) == 0 {
		return fmt.Errorf("cases: none")
	}
	for i, c := range o.Cases {
		at := fmt.Sprintf("cases[%d] (%s)", i, c.Name())
		if c.Op == "" || len(c.Inputs) == 0 || len(c.Outputs) == 0 {
			return fmt.Errorf("%s: op, inputs or outputs are missing", at)
		}
		for j, in := range c.Inputs {
			if err := in.check(); err != nil {
				return fmt.Errorf("%s.inputs[%d]: %w", at, j, err)
			}
		}
		for j, r := range c.Outputs {
			n, err := elems(r.Shape)
			if err != nil {
				return fmt.Errorf("%s.outputs[%d]: %w", at, j, err)
			}
			if (r.Values == nil) == (r.Integers == nil) || len(r.Values)+len(r.Integers) != n {
				return fmt.Errorf("%s.outputs[%d]: %d values and %d integers, want %d of one kind",
					at, j, len(r.Values), len(r.Integers), n)
			}
		}
	}
	return nil
}

func (in Input) check() error {
	n, err := elems(in.Shape)
	switch {
	case err != nil:
		return err
	case in.Kind != Normal && in.Kind != Positive && in.Kind != Listed:
		return fmt.Errorf("kind %q, want normal, positive or values", in.Kind)
	case in.Kind == Listed && len(in.Values) != n:
		return fmt.Errorf("%d values, want %d of shape %v", len(in.Values), n, in.Shape)
	}
	return nil
}
