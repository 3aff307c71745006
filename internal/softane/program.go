package softane

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"devicemap/internal/mil"
)

// program is a compiled function. Programs are immutable; each operation runs
// an instance with memory of its own.
type program struct {
	name            string
	ops             []string // computing statements, for the analytics
	inputs, outputs []portInfo
	values          []valueInfo
	steps           []step
	plan            plan
}

// portInfo is a port as the file declares it.
type portInfo struct {
	name  string
	value int // index into program.values
	dtype mil.DType
	bytes int
}

// valueInfo is a tensor of the program.
type valueInfo struct {
	shape []int
	elems int
	data  []float32 // of a constant
	def   *mil.Stmt
}

// step is a compiled statement with its operands and results.
type step struct {
	work
	in, out []int
}

// maxWeights is what one program may carry.
const maxWeights = 2 << 30

// compileFile reads a MIL text and the weights beside it, checks both and
// compiles them for a chip.
func compileFile(path string, c target) (*program, *refusal) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, refuse(badArgument, "Invalid E5 path specified. @ GetE5PathFromCompositeBundle: %v", err)
	}
	weights := filepath.Join(filepath.Dir(path), "weights.bin")
	if info, err := os.Stat(weights); err == nil && info.Size() >= maxWeights {
		return nil, refuse(rejected, "Not implemented: weights of %d bytes not supported on any backend", info.Size())
	}
	blob, err := os.ReadFile(weights)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, refuse(badArgument, "weights: %v", err)
	}
	return compileText(string(text), blob, c)
}

func compileText(text string, weights []byte, c target) (*program, *refusal) {
	p, blob, err := mil.Load(text, weights)
	if err != nil {
		return nil, refusalOf(err)
	}
	k := &code{chip: c, blob: blob, ids: map[*mil.Value]int{}}
	return k.compile(p)
}

// documented maps broken rules to the texts that the library is known to give.
var documented = map[mil.Rule]refusal{
	mil.RuleBody: {badArgument, "unordered_map::at: key not found"},
	mil.RuleOp:   {rejected, "Not implemented: not supported on any backend"},
}

// refusalOf keeps the validator's position and rule behind the library's words.
func refusalOf(err error) *refusal {
	var broken *mil.Error
	if !errors.As(err, &broken) {
		return refuse(badArgument, "%v", err)
	}
	r, ok := documented[broken.Rule]
	switch {
	case ok:
	case broken.Rule == mil.RuleType && strings.Contains(broken.What, "rank"):
		r = refusal{badArgument, "Rank of the shape parameter must be between 0 and 5"}
	default:
		r = refusal{badArgument, "MIL program is invalid"}
	}
	return refuse(r.status, "%s: %v", r.text, err)
}

// code is a program under compilation.
type code struct {
	chip   target
	blob   *mil.Blob
	ids    map[*mil.Value]int
	values []valueInfo
	err    error // of a constant that could not be read
}

func (k *code) add(v valueInfo) int {
	v.elems = elems(v.shape)
	k.values = append(k.values, v)
	return len(k.values) - 1
}

// resolve gives the value of an operand; constants are read when first used.
func (k *code) resolve(o mil.Operand) int {
	if o.Value == nil {
		return k.constant(o.Lit.Type.Shape, nil, func() ([]float32, error) { return k.blob.Floats(o.Lit) })
	}
	if id, ok := k.ids[o.Value]; ok {
		return id
	}
	def := o.Value.Def
	id := k.constant(o.Value.Type.Shape, def, func() ([]float32, error) { return k.blob.Dense(def) })
	k.ids[o.Value] = id
	return id
}

func (k *code) constant(shape []int, def *mil.Stmt, read func() ([]float32, error)) int {
	data, err := read()
	if err == nil && len(data) != elems(shape) {
		err = errors.New("constant of the wrong length")
	}
	if err != nil && k.err == nil {
		k.err = err
	}
	return k.add(valueInfo{shape: shape, data: data, def: def})
}

func (k *code) operandOf(id int) operand {
	v := k.values[id]
	return operand{v.shape, v.data, v.def}
}

func (k *code) compile(p *mil.Program) (*program, *refusal) {
	if bad := checkLimits(p, k.chip); bad != nil {
		return nil, bad
	}
	prog := &program{name: p.Func.Name}
	for _, v := range p.Func.Params {
		k.ids[v] = k.add(valueInfo{shape: v.Type.Shape})
		prog.inputs = append(prog.inputs, k.port(v))
	}
	for _, s := range p.Func.Body {
		if s.Op == "const" || strings.HasPrefix(s.Op, "constexpr_") {
			continue
		}
		st, bad := k.step(s)
		if bad != nil {
			return nil, bad
		}
		if k.err != nil {
			return nil, refuse(badArgument, "%s: weights: %v", s.Results[0].Name, k.err)
		}
		prog.ops = append(prog.ops, s.Op)
		prog.steps = append(prog.steps, st)
	}
	for _, v := range p.Func.Outputs {
		prog.outputs = append(prog.outputs, k.port(v))
	}
	prog.values = k.values
	prog.plan = newPlan(prog)
	return prog, nil
}

func (k *code) step(s *mil.Stmt) (step, *refusal) {
	b, ok := table[s.Op]
	c := &call{chip: k.chip, stmt: s, code: k}
	if !ok {
		return step{}, c.notImplemented("operation")
	}
	if bad := c.checkHazards(); bad != nil {
		return step{}, bad
	}
	w, bad := b(c)
	if bad != nil {
		return step{}, bad
	}
	st := step{work: w, in: c.in}
	for _, r := range s.Results {
		k.ids[r] = k.add(valueInfo{shape: r.Type.Shape, def: s})
		st.out = append(st.out, k.ids[r])
	}
	return st, nil
}

func (k *code) port(v *mil.Value) portInfo {
	id := k.ids[v]
	size := 2
	if v.Type.DType == mil.UInt8 {
		size = 1
	}
	return portInfo{name: v.Name, value: id, dtype: v.Type.DType, bytes: size * k.values[id].elems}
}
