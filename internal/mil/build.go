package mil

import (
	"fmt"
	"slices"
	"strings"
)

// buildInfo is the dictionary of the reference. Its numbers need not match
// the host's compiler.
var buildInfo = []Info{{"coremlc-component-MIL", "3520.4.1"}, {"coremlc-version", "3520.5.1"}}

// Builder collects a program and its weights. The first broken rule stays; the
// calls after it return placeholders and [Builder.Build] reports it. Start
// with [NewBuilder].
type Builder struct {
	prog    Program
	weights BlobWriter
	names   map[string]bool
	consts  map[string]*Value // named constants by spelling, to share them
	fresh   int
	err     error
}

// NewBuilder starts a program.
func NewBuilder() *Builder {
	return &Builder{
		prog:   Program{Version: "1.3", BuildInfo: slices.Clone(buildInfo), Func: Func{Name: "main", Opset: "ios18"}},
		names:  map[string]bool{},
		consts: map[string]*Value{},
	}
}

// Err is the first broken rule, or nil.
func (b *Builder) Err() error { return b.err }

// Build checks and returns the program with its weights.
func (b *Builder) Build() (*Program, *BlobWriter, error) {
	if b.err != nil {
		return nil, nil, b.err
	}
	if size := b.weights.Size(); size > MaxWeights {
		return nil, nil, &SizeError{size}
	}
	if err := Check(&b.prog, &b.weights); err != nil {
		return nil, nil, err
	}
	return &b.prog, &b.weights, nil
}

// claim makes an identifier of name that is not taken.
func (b *Builder) claim(name string) string {
	name = identifier(name)
	for base := name; b.names[name] || reserved(name); {
		b.fresh++
		name = fmt.Sprintf("%s_%d", base, b.fresh)
	}
	b.names[name] = true
	return name
}

// Input adds a parameter. Its Name is the port: name, made an identifier.
func (b *Builder) Input(name string, t Type) *Value {
	v := &Value{Name: b.claim(name), Type: t}
	b.prog.Func.Params = append(b.prog.Func.Params, v)
	return v
}

// Output returns v under name and gives the returned value, whose Name is the
// port. A parameter, a constant or a value that is returned already is
// multiplied by 1 first: the compiler fails on it as it is.
func (b *Builder) Output(name string, v *Value) *Value {
	if v.Def == nil || v.Def.Op == "const" || constexpr(v.Def.Op) || slices.Contains(b.prog.Func.Outputs, v) {
		v = b.Op("mul", In("x", v), In("y", b.Half(1)))
	}
	if name != v.Name {
		delete(b.names, v.Name)
		v.Name = b.claim(name)
	}
	b.prog.Func.Outputs = append(b.prog.Func.Outputs, v)
	return v
}

// constant adds a const statement; equal inline literals share one.
func (b *Builder) constant(name string, l *Literal) *Value {
	key := ""
	if l.Blob == nil {
		key = fmt.Sprintf("%v %v %v %q", l.Type, l.Floats, l.Ints, l.Str)
		if v := b.consts[key]; v != nil {
			return v
		}
	}
	s := &Stmt{Op: "const", Attrs: []Arg{{Name: "val", Operands: []Operand{{Lit: l}}}}}
	v := &Value{Name: b.claim(name), Type: l.Type, Def: s}
	s.Results = []*Value{v}
	b.prog.Func.Body = append(b.prog.Func.Body, s)
	if key != "" {
		b.consts[key] = v
	}
	return v
}

// Half is a named scalar constant, rounded to a half.
func (b *Builder) Half(v float64) *Value { return b.constant("c", literal(FP16, v)) }

// Weight is a constant in the weight file: data, row-major, rounded to halves.
// The slice is kept until the weights are written.
func (b *Builder) Weight(name string, data []float32, shape ...int) *Value {
	b.count(name, len(data), shape)
	return b.stored(name, Tensor(FP16, shape...), b.weights.FP16(name, data))
}

func (b *Builder) count(name string, n int, shape []int) {
	if want := product(shape); n != want && b.err == nil {
		b.err = errorAt(Pos{}, RuleType, "%s: %d values for shape %s", name, n, dims(shape))
	}
}

func blobLiteral(t Type, offset uint64) *Literal {
	return &Literal{Type: t, Blob: &BlobRef{WeightPath, offset}}
}

func (b *Builder) stored(name string, t Type, offset uint64) *Value {
	return b.constant(name, blobLiteral(t, offset))
}

// Int8Weight is q [OUT, …] times scale [OUT], a weight of matmul, linear or
// conv.
func (b *Builder) Int8Weight(name string, q []int8, scale []float32, shape ...int) *Value {
	b.count(name, len(q), shape)
	b.count(name+" scale", len(scale), shape[:1])
	data := blobLiteral(Tensor(Int8, shape...), b.weights.Int8(q))
	factor := blobLiteral(Tensor(FP16, shape[0]), b.weights.FP16(name+" scale", scale))
	return b.apply(name, "constexpr_affine_dequantize", nil, []Arg{
		{Name: "axis", Operands: []Operand{{Lit: literalInt(Int32, 0)}}},
		{Name: "quantized_data", Operands: []Operand{{Lit: data}}},
		{Name: "scale", Operands: []Operand{{Lit: factor}}},
		{Name: "zero_point", Operands: []Operand{{Lit: literalInt(Int8, 0)}}},
	})
}

// PaletteWeight is lut[indices], with 16 centroids for the whole tensor; a
// weight of matmul, linear or conv.
func (b *Builder) PaletteWeight(name string, indices []uint8, lut []float32, shape ...int) *Value {
	b.count(name, len(indices), shape)
	b.count(name+" lut", len(lut), []int{16})
	idx := b.stored(name+"_indices", Tensor(UInt4, shape...), b.weights.UInt4(indices))
	table := append(slices.Repeat([]int{1}, len(shape)), 16, 1)
	return b.apply(name, "constexpr_lut_to_dense", []Arg{
		In("indices", idx),
		In("lut", b.stored(name+"_lut", Tensor(FP16, table...), b.weights.FP16(name+" lut", lut))),
	}, nil)
}

// SparseWeight is data with its zeros stored as a bit mask; at most half of
// the elements may be non-zero. A weight of matmul, linear or conv.
func (b *Builder) SparseWeight(name string, data []float32, shape ...int) *Value {
	b.count(name, len(data), shape)
	mask := b.stored(name+"_mask", Tensor(UInt1, shape...), b.weights.Mask(data))
	at, n := b.weights.NonZeros(name, data)
	return b.apply(name, "constexpr_sparse_to_dense", []Arg{
		In("mask", mask),
		In("nonzero_data", b.stored(name+"_nonzeros", Tensor(FP16, n), at)),
	}, nil)
}

// BlockWeight is q [OUT, IN] times scale [OUT, blocks], each factor for IN /
// blocks elements. The result has passed the add of zero without which nothing
// takes it.
func (b *Builder) BlockWeight(name string, q []int8, scale []float32, out, in, blocks int) *Value {
	b.count(name, len(q), []int{out, in})
	b.count(name+" scale", len(scale), []int{out, blocks})
	w := b.apply(name+"_blocks", "constexpr_blockwise_shift_scale", []Arg{
		In("data", b.stored(name+"_data", Tensor(Int8, out, in), b.weights.Int8(q))),
		In("scale", b.stored(name+"_scale", Tensor(FP16, out, blocks), b.weights.FP16(name+" scale", scale))),
	}, nil)
	return b.Op("add", In("x", w), In("y", b.Half(0)))
}

// Op adds an operation with one result, whose type it infers. Literal
// arguments become named constants where the operation wants that.
func (b *Builder) Op(op string, args ...Arg) *Value {
	return b.apply(op, op, args, nil)
}

// Split cuts x along an axis into n equal parts.
func (b *Builder) Split(x *Value, axis, n int) []*Value {
	return b.applyN("part", "split", max(n, 1), []Arg{In("x", x), Int("axis", axis), Int("num_splits", n)}, nil)
}

// TopK gives the k largest values along an axis, in order, and their indices.
func (b *Builder) TopK(x *Value, axis, k int) (vals, indices *Value) {
	out := b.applyN("top", "topk", 2, []Arg{In("x", x), Int("axis", axis), Int("k", k)}, nil)
	return out[0], out[1]
}

func (b *Builder) apply(name, op string, args, attrs []Arg) *Value {
	return b.applyN(name, op, 1, args, attrs)[0]
}

// applyN adds a statement with n results.
func (b *Builder) applyN(name, op string, n int, args, attrs []Arg) []*Value {
	s := &Stmt{Op: op, Attrs: attrs}
	for range n {
		s.Results = append(s.Results, &Value{Type: Tensor(FP16, 1), Def: s})
	}
	if b.err != nil {
		return s.Results
	}
	sig := signatures[op]
	if sig == nil {
		b.err = errorAt(Pos{}, RuleOp, "%s is not an operation of the route", op)
		return s.Results
	}
	s.Args = b.hoist(sig, args)
	slices.SortFunc(s.Args, func(x, y Arg) int { return strings.Compare(x.Name, y.Name) })
	types, err := b.infer(sig, s)
	if err != nil {
		b.err = fmt.Errorf("%w (statement %d, %s)", err, len(b.prog.Func.Body), op)
		return s.Results
	}
	for i, v := range s.Results {
		v.Type, v.Name = types[i], b.claim(name)
	}
	b.prog.Func.Body = append(b.prog.Func.Body, s)
	return s.Results
}

// infer checks the parameters and gives as many types as s has results.
func (b *Builder) infer(sig *signature, s *Stmt) ([]Type, error) {
	if err := sig.check(s); err != nil {
		return nil, err
	}
	types, err := sig.infer(s)
	if err == nil && len(types) != len(s.Results) {
		err = wrong(s, "%d results where %d are wanted", len(types), len(s.Results))
	}
	return types, err
}

// hoist names the literals that may not stand inline.
func (b *Builder) hoist(sig *signature, args []Arg) []Arg {
	out := slices.Clone(args)
	for i, a := range out {
		n := slices.IndexFunc(sig.params, func(p param) bool { return p.name == a.Name })
		if n < 0 || sig.params[n].kind == inline || len(a.Operands) != 1 || a.Operands[0].Lit == nil {
			continue
		}
		out[i] = In(a.Name, b.constant(a.Name, a.Operands[0].Lit))
	}
	return out
}
