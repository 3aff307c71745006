package corpus

import (
	"bytes"
	"context"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/device"
	"devicemap/device/ane"
	"devicemap/internal/e5rt"
	"devicemap/internal/mil"
	"devicemap/internal/softane"
)

// slip is one mistake in the text that the lowering emits: edit changes a
// statement of the given operations and reports whether it did.
type slip struct {
	name string
	ops  []string
	edit func(s *mil.Stmt) bool
}

// on makes a slip in the statements of some operations.
func on(name string, edit func(s *mil.Stmt) bool, ops ...string) slip { return slip{name, ops, edit} }

// renamed computes another operation with the same arguments.
func renamed(from, to string) slip {
	return on(from+" is spelled "+to, func(s *mil.Stmt) bool { s.Op = to; return true }, from)
}

// exchanged swaps two arguments of equal type.
func exchanged(op, a, b string) slip {
	return on(op+" swaps "+a+" and "+b, func(s *mil.Stmt) bool {
		x, y := s.Arg(a), s.Arg(b)
		if x == nil || y == nil || !x.Operands[0].Type().Equal(y.Operands[0].Type()) || x.Operands[0].Value == y.Operands[0].Value {
			return false
		}
		x.Operands, y.Operands = y.Operands, x.Operands
		return true
	}, op)
}

// number replaces a numeric parameter.
func number(name, arg string, value float64, ops ...string) slip {
	return on(name, func(s *mil.Stmt) bool { return setFloat(s.Lit(arg), value) }, ops...)
}

func setFloat(l *mil.Literal, value float64) bool {
	if l == nil || len(l.Floats) != 1 || l.Floats[0] == value {
		return false
	}
	l.Floats[0] = value
	return true
}

// vector edits a parameter of integers; f reports whether it changed v.
func vector(name, arg string, f func(v []int64) bool, ops ...string) slip {
	return on(name, func(s *mil.Stmt) bool {
		l := s.Lit(arg)
		return l != nil && f(l.Ints)
	}, ops...)
}

func flip(op, arg string) slip {
	return vector(op+" flips "+arg, arg, func(v []int64) bool { v[0] = 1 - v[0]; return true }, op)
}

func word(op, arg, value string) slip {
	return on(op+" says "+value, func(s *mil.Stmt) bool {
		l := s.Lit(arg)
		if l == nil || l.Str == value {
			return false
		}
		l.Str = value
		return true
	}, op)
}

func swap64(i, j int) func(v []int64) bool {
	return func(v []int64) bool { v[i], v[j] = v[j], v[i]; return v[i] != v[j] }
}

// reversed turns the list of a variadic operation around.
func reversed(op string) slip {
	return on(op+" joins backwards", func(s *mil.Stmt) bool {
		list := s.Arg("values").Operands
		if len(list) < 2 || !list[0].Type().Equal(list[len(list)-1].Type()) || list[0].Value == list[len(list)-1].Value {
			return false
		}
		slices.Reverse(list)
		return true
	}, op)
}

// baked reports whether a value is a constant of the weight file.
func baked(v *mil.Value) bool {
	return v != nil && v.Const() != nil && v.Const().Blob != nil
}

func slips() []slip {
	return slices.Concat(productSlips(), windowSlips(), parameterSlips(), spellingSlips())
}

func productSlips() []slip {
	return []slip{
		on("a bias is dropped", func(s *mil.Stmt) bool {
			if !baked(s.In("y")) || slices.Equal(s.In("y").Type.Shape, s.In("x").Type.Shape) {
				return false
			}
			s.Op, s.Arg("y").Operands = "maximum", s.Arg("x").Operands
			return true
		}, "add"),
		on("a scalar factor is lost", func(s *mil.Stmt) bool { return s.In("y") != nil && setFloat(s.In("y").Const(), 1) }, "mul"),
		on("a scalar addend is lost", func(s *mil.Stmt) bool { return s.In("y") != nil && setFloat(s.In("y").Const(), 0) }, "add"),
		on("a floor is lost", func(s *mil.Stmt) bool { return s.In("y") != nil && setFloat(s.In("y").Const(), 0) }, "maximum"),
		on("a square weight is transposed", func(s *mil.Stmt) bool {
			if t := s.In("y").Type.Shape; t[len(t)-1] != t[len(t)-2] {
				return false
			}
			l := s.Lit("transpose_y")
			l.Ints[0] = 1 - l.Ints[0]
			return true
		}, "matmul"),
		vector("softmax along another axis", "axis", func(v []int64) bool { was := v[0]; v[0] = 0; return was != 0 }, "softmax"),
	}
}

func windowSlips() []slip {
	return []slip{
		vector("conv pads the wrong row", "pad", swap64(0, 1), "conv"),
		vector("conv pads the wrong column", "pad", swap64(2, 3), "conv"),
		vector("conv_transpose pads the wrong side", "pad", func(v []int64) bool { h := swap64(0, 1)(v); return swap64(2, 3)(v) || h }, "conv_transpose"),
		vector("max_pool pads the wrong side", "pad", func(v []int64) bool { h := swap64(0, 1)(v); return swap64(2, 3)(v) || h }, "max_pool"),
		vector("crop cuts the wrong rows", "crop_height", swap64(0, 1), "crop"),
		vector("crop cuts the wrong columns", "crop_width", swap64(0, 1), "crop"),
		vector("slice starts at 0", "begin", func(v []int64) bool {
			moved := slices.Max(v) > 0
			clear(v)
			return moved
		}, "slice_by_size"),
		vector("local_response_norm takes a wider window", "size", func(v []int64) bool { v[0] += 2; return true }, "local_response_norm"),
		number("local_response_norm loses alpha", "alpha", 0, "local_response_norm"),
		flip("avg_pool", "exclude_padding_from_average"),
		flip("upsample_bilinear", "align_corners"),
		flip("affine", "align_corners"),
		word("gelu", "mode", "SIGMOID_APPROXIMATION"),
		word("resize_bilinear", "sampling_mode", "DEFAULT"),
		word("pad", "mode", "replicate"),
	}
}

func parameterSlips() []slip {
	return []slip{
		number("eps is lost in log, rsqrt, inverse", "epsilon", 0, "log", "rsqrt", "inverse"),
		number("eps is lost in batch_norm", "epsilon", 0, "batch_norm"),
		number("eps is lost in instance_norm", "epsilon", 0, "instance_norm"),
		number("leaky_relu loses alpha", "alpha", 0, "leaky_relu"),
		number("elu loses alpha", "alpha", 1, "elu"),
		number("clip loses its lower bound", "alpha", -60000, "clip"),
		number("clamped_relu loses its upper bound", "beta", 60000, "clamped_relu"),
		number("sigmoid_hard loses its offset", "beta", 0, "sigmoid_hard"),
		number("linear_activation loses its offset", "beta", 0, "linear_activation"),
		number("thresholded_relu takes threshold 0", "alpha", 0, "thresholded_relu"),
		number("scaled_tanh loses its factor", "alpha", 1, "scaled_tanh"),
		exchanged("batch_norm", "mean", "variance"),
		exchanged("batch_norm", "gamma", "beta"),
		exchanged("instance_norm", "gamma", "beta"),
		exchanged("select", "a", "b"),
		exchanged("sub", "x", "y"),
		exchanged("real_div", "x", "y"),
		exchanged("pow", "x", "y"),
		reversed("concat"),
		reversed("stack"),
	}
}

func spellingSlips() []slip {
	return []slip{
		renamed("reduce_sum", "reduce_mean"),
		renamed("reduce_mean", "reduce_sum"),
		renamed("reduce_max", "reduce_min"),
		renamed("reduce_min", "reduce_max"),
		renamed("reduce_l1_norm", "reduce_sum"),
		renamed("reduce_l2_norm", "reduce_sum_square"),
		renamed("reduce_log_sum_exp", "reduce_log_sum"),
		renamed("less", "less_equal"),
		renamed("less_equal", "less"),
		renamed("greater", "greater_equal"),
		renamed("greater_equal", "greater"),
		renamed("equal", "not_equal"),
		renamed("maximum", "minimum"),
		renamed("relu6", "relu"),
		renamed("silu", "sigmoid"),
		renamed("exp2", "exp"),
		renamed("ceil", "floor"),
	}
}

// saboteur rewrites programs between their lowering and their compile. The
// engine offers the moment for compiling apart; here it changes the file.
type saboteur struct {
	slip  *slip          // nil: none, only ops are noted
	ops   map[string]int // statements by operation, of the last program
	edits int            // statements changed in the last program
}

func (s *saboteur) isolate(_ context.Context, job e5rt.Job) (e5rt.Verdict, error) {
	text, err := os.ReadFile(job.Path)
	if err != nil {
		return e5rt.Verdict{}, err
	}
	p, err := mil.Parse(string(text))
	if err != nil {
		return e5rt.Verdict{}, err
	}
	s.ops, s.edits = map[string]int{}, 0
	for _, stmt := range p.Func.Body {
		s.ops[stmt.Op]++
		if s.slip != nil && slices.Contains(s.slip.ops, stmt.Op) && s.slip.edit(stmt) {
			s.edits++
		}
	}
	if s.edits == 0 {
		return e5rt.Verdict{Outcome: e5rt.Compiled}, nil
	}
	var out bytes.Buffer
	if err := mil.Write(&out, p); err != nil {
		return e5rt.Verdict{}, err
	}
	return e5rt.Verdict{Outcome: e5rt.Compiled}, os.WriteFile(job.Path, out.Bytes(), 0o644)
}

// sabotaged opens the Neural Engine path with a saboteur in it. Each slip needs
// an engine, and so a cache, of its own, since its programs are wrong.
func sabotaged(t *testing.T, s *saboteur) device.Engine {
	t.Helper()
	return openSoftware(t, ane.Config{Isolate: s.isolate}, softane.H16)
}

// TestSlipsOfTheLoweringCloseTheGate breaks the emitted program one mistake at
// a time on the whole path: lowering, text, compile, run. The gate must go red
// for each by a wrong value.
func TestSlipsOfTheLoweringCloseTheGate(t *testing.T) {
	if silicon {
		t.Skip("wrong programs on purpose are for the software engine")
	}
	var plain saboteur
	compute := OnEngine(sabotaged(t, &plain), device.FP16)
	cases := map[string][]*Case{} // by MIL operation
	for _, c := range slipCases(t) {
		if r := c.Result(compute, FP16, ""); !r.Status.Green() {
			t.Fatalf("%s/%s is red without a slip: %s %s", c.Category, c.Name, r.Metric, r.Reason)
		}
		for op := range plain.ops {
			cases[op] = append(cases[op], c)
		}
	}
	list := slips()
	for i := range list {
		s := &saboteur{slip: &list[i]}
		t.Run(s.slip.name, func(t *testing.T) {
			wrong := OnEngine(sabotaged(t, s), device.FP16)
			edited, caught := 0, []string(nil)
			for _, c := range affected(cases, s.slip) {
				r := c.Result(wrong, FP16, "")
				edited += s.edits
				if s.edits > 0 && r.Status == FAIL {
					caught = append(caught, c.Category+"/"+c.Name)
				}
				if len(caught) > 0 {
					break
				}
			}
			switch {
			case edited == 0:
				t.Error("no emitted program holds what the slip changes")
			case caught == nil:
				t.Errorf("the gate stays green over %d edits: a case is missing", edited)
			default:
				t.Logf("red: %s", caught[0])
			}
		})
	}
	if len(list) < 20 {
		t.Errorf("%d slips, want at least 20", len(list))
	}
}

// slipCases are small cases that compare values and that the family takes.
func slipCases(t *testing.T) (list []*Case) {
	t.Helper()
	for _, c := range shared().All() {
		flops, err := c.FLOPs()
		require.NoError(t, err)
		if flops < 2e6 && c.Category != "coverage" {
			list = append(list, c)
		}
	}
	return list
}

// affected lists the cases whose programs hold an operation of the slip, each
// once.
func affected(cases map[string][]*Case, s *slip) (list []*Case) {
	for _, op := range s.ops {
		for _, c := range cases[op] {
			if !slices.Contains(list, c) {
				list = append(list, c)
			}
		}
	}
	return list
}
