package ane

import (
	"errors"
	"fmt"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/device"
	"devicemap/internal/e5rt"
	"devicemap/internal/fp16"
	"devicemap/internal/graph"
	"devicemap/internal/mil"
	"devicemap/internal/reference"
	"devicemap/internal/rng"
	"devicemap/internal/softane"
)

// subject is the Neural Engine under probe: silicon, or the software engine on
// hosts without one.
type subject struct {
	*engine
	lookup func(string) (uintptr, error)
	soft   *softane.Engine // nil on silicon
}

// check is one question to a Neural Engine. The answer is one line of facts;
// an error is a wrong answer.
type check struct {
	id, question string
	ask          func(s *subject) (answer string, err error)
}

// acceptance is the least that a Neural Engine must do for this suite, as
// programs spelled by hand.
func acceptance() []check {
	return []check{
		{"a", "relu 2×48", acceptReLU},
		{"b", "linear with bias", acceptLinear},
		{"c", "conv 3×3, bias, relu", acceptConv},
		{"d", "rows of softmax", acceptSoftmax},
		{"e", "layer_norm of its parts", acceptLayerNorm},
		{"f", "int8 and int4 weights", acceptCompressed},
		{"g", "counter with aliased state", acceptCounter},
		{"h", "bundle on the engine alone", acceptPlacement},
		{"i", "200 programs in turn", acceptCycles},
		{"j", "refusal, then a program", acceptRefusal},
	}
}

func TestAcceptance(t *testing.T) {
	for _, arch := range softane.Archs() {
		for _, c := range acceptance() {
			t.Run(string(arch)+"/"+c.id, func(t *testing.T) {
				r := softRig(t, arch)
				answer, err := c.ask(&subject{r.engine, r.soft.Lookup, r.soft})
				require.NoError(t, err, c.question)
				t.Log(answer)
			})
		}
	}
}

// halves draws n normals times scale, rounded to fp16.
func halves(seed uint64, n int, scale float64) []float32 {
	v := rng.New(seed).Float32s(n, scale, 0)
	for i, x := range v {
		v[i] = fp16.Float32(fp16.Bits(x))
	}
	return v
}

// compute runs a hand-made program once and gives its first output.
func (s *subject) compute(name string, b *mil.Builder, inputs ...[]float32) (out []float32, err error) {
	src, err := spelled(name, b)
	if err != nil {
		return nil, err
	}
	p, err := s.load(src, true)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	for i, x := range inputs {
		copy(p.Input(i), x)
	}
	err = p.Run()
	return p.Output(0), err
}

// near holds a result to the float64 meaning of a graph by the corpus's
// measure, max|got − ref|/max|ref|.
func near(got []float32, g *graph.Builder, limit float64, inputs ...[]float32) (string, error) {
	built, err := g.Build()
	if err != nil {
		return "", err
	}
	var data []graph.Data
	for _, x := range inputs {
		data = append(data, graph.F32(x))
	}
	ref, err := reference.Eval(built, data)
	if err != nil {
		return "", err
	}
	e := reference.RelMax(got, ref[0])
	answer := fmt.Sprintf("relmax %.2g", e)
	if !(e <= limit) {
		return answer, fmt.Errorf("%s, limit %g", answer, limit)
	}
	return answer, nil
}

func acceptReLU(s *subject) (string, error) {
	x := halves(1, 96, 2)
	b := mil.NewBuilder()
	b.Output("res", b.Op("relu", mil.In("x", b.Input("inp", mil.Tensor(mil.FP16, 2, 48)))))
	got, err := s.compute("relu", b, x)
	if err != nil {
		return "", err
	}
	for i, v := range got {
		if want := max(0, x[i]); v != want {
			return "", fmt.Errorf("relu(%g) = %g", x[i], v)
		}
	}
	return "exact", nil
}

// times is x·wᵀ.
func times(b *mil.Builder, x, w *mil.Value) *mil.Value {
	return b.Op("matmul", mil.Flag("transpose_x", false), mil.Flag("transpose_y", true), mil.In("x", x), mil.In("y", w))
}

func acceptLinear(s *subject) (string, error) {
	x, w, bias := halves(2, 8*64, 1), halves(3, 32*64, 0.125), halves(4, 32, 1)
	b := mil.NewBuilder()
	y := times(b, b.Input("inp", mil.Tensor(mil.FP16, 8, 64)), b.Weight("W", w, 32, 64))
	b.Output("res", b.Op("add", mil.In("x", y), mil.In("y", b.Weight("b", bias, 1, 32))))
	got, err := s.compute("linear", b, x)
	if err != nil {
		return "", err
	}
	g := graph.New("linear")
	g.Output("y", g.Linear(g.Input("x", 8, 64), g.Const("w", graph.F32(w), 32, 64), g.Const("b", graph.F32(bias), 32)))
	return near(got, g, 5e-3, x)
}

func acceptConv(s *subject) (string, error) {
	x, w, bias := halves(5, 3*24*24, 1), halves(6, 16*27, 0.2), halves(7, 16, 1)
	b := mil.NewBuilder()
	c := b.Op("conv", mil.In("x", b.Input("img", mil.Tensor(mil.FP16, 1, 3, 24, 24))), mil.In("weight", b.Weight("W", w, 16, 3, 3, 3)),
		mil.Ints("strides", 1, 1), mil.Ints("dilations", 1, 1), mil.Ints("pad", 1, 1, 1, 1), mil.Word("pad_type", "custom"), mil.Int("groups", 1))
	c = b.Op("add", mil.In("x", c), mil.In("y", b.Weight("b", bias, 1, 16, 1, 1)))
	b.Output("res", b.Op("relu", mil.In("x", c)))
	got, err := s.compute("conv", b, x)
	if err != nil {
		return "", err
	}
	g := graph.New("conv")
	conv := g.Conv(graph.Conv{Pad: [4]int{1, 1, 1, 1}}, g.Input("x", 1, 3, 24, 24), g.Const("w", graph.F32(w), 16, 3, 3, 3), g.Const("b", graph.F32(bias), 16))
	g.Output("y", g.Unary(graph.ReLU, conv))
	return near(got, g, 5e-3, x)
}

func acceptSoftmax(s *subject) (string, error) {
	b := mil.NewBuilder()
	x := b.Op("mul", mil.In("x", b.Input("logits", mil.Tensor(mil.FP16, 4, 10))), mil.In("y", b.Half(0.125)))
	b.Output("prob", b.Op("softmax", mil.Int("axis", 1), mil.In("x", x)))
	got, err := s.compute("softmax", b, halves(8, 40, 20))
	if err != nil {
		return "", err
	}
	worst := 0.0
	for row := range 4 {
		sum := 0.0
		for _, p := range got[10*row : 10*row+10] {
			sum += float64(p)
		}
		worst = max(worst, math.Abs(sum-1))
	}
	if !(worst <= 2e-3) {
		return "", fmt.Errorf("a row's sum is off by %.2g, limit 2e-3", worst)
	}
	return fmt.Sprintf("sums within %.1g of 1", worst), nil
}

// layerNorm is the last-axis form in parts, for x [rows, d].
func layerNorm(b *mil.Builder, rows, d int, gamma, beta []float32) {
	x := b.Input("inp", mil.Tensor(mil.FP16, rows, d))
	mean := func(v *mil.Value) *mil.Value {
		return b.Op("reduce_mean", mil.Ints("axes", 1), mil.Flag("keep_dims", true), mil.In("x", v))
	}
	binary := func(op string, x, y *mil.Value) *mil.Value { return b.Op(op, mil.In("x", x), mil.In("y", y)) }
	centred := binary("sub", x, mean(x))
	spread := binary("add", mean(binary("mul", centred, centred)), b.Half(1e-5))
	unit := binary("mul", centred, b.Op("rsqrt", mil.Half("epsilon", 0), mil.In("x", spread)))
	scaled := binary("mul", unit, b.Weight("gam", gamma, 1, d))
	b.Output("res", binary("add", scaled, b.Weight("bet", beta, 1, d)))
}

// askLayerNorm computes a layer norm of 4 rows with parameters that differ from
// column to column.
func askLayerNorm(s *subject, d int) (string, error) {
	x, gamma, beta := halves(9, 4*d, 1), halves(10, d, 0.1), halves(11, d, 0.1)
	for i := range gamma {
		gamma[i] = fp16.Float32(fp16.Bits(gamma[i] + 1))
	}
	b := mil.NewBuilder()
	layerNorm(b, 4, d, gamma, beta)
	got, err := s.compute("layer_norm", b, x)
	if err != nil {
		return "", err
	}
	g := graph.New("layer_norm")
	g.Output("y", g.LayerNorm(g.Input("x", 4, d), g.Const("gamma", graph.F32(gamma), d), g.Const("beta", graph.F32(beta), d), 1e-5))
	return near(got, g, 1e-2, x)
}

func acceptLayerNorm(s *subject) (string, error) { return askLayerNorm(s, 256) }

// acceptCompressed holds products with stored codes to the products with the
// values that the codes stand for.
func acceptCompressed(s *subject) (string, error) {
	const rows, in, out = 8, 64, 32
	x := halves(12, rows*in, 1)
	codes, idx, scale, lut := make([]int8, out*in), make([]uint8, out*in), make([]float32, out), halves(13, 16, 0.1)
	w8, w4 := make([]float32, out*in), make([]float32, out*in)
	for i, n := range rng.New(14).Normals(out * in) {
		scale[i/in] = fp16.Float32(fp16.Bits(0.01 + float32(i/in)/4096))
		codes[i] = int8(max(-127, min(math.RoundToEven(n*40), 127)))
		w8[i] = float32(codes[i]) * scale[i/in]
		idx[i] = uint8(i*7%16) ^ uint8(i/in%16)
		w4[i] = lut[idx[i]]
	}
	var answer string
	for _, v := range []struct {
		name   string
		weight func(b *mil.Builder) *mil.Value
		dense  []float32
	}{
		{"int8", func(b *mil.Builder) *mil.Value { return b.Int8Weight("Wq", codes, scale, out, in) }, w8},
		{"int4", func(b *mil.Builder) *mil.Value { return b.PaletteWeight("Wp", idx, lut, out, in) }, w4},
	} {
		b := mil.NewBuilder()
		b.Output("res", times(b, b.Input("inp", mil.Tensor(mil.FP16, rows, in)), v.weight(b)))
		got, err := s.compute(v.name, b, x)
		if err != nil {
			return "", fmt.Errorf("%s: %w", v.name, err)
		}
		g := graph.New(v.name)
		g.Output("y", g.Linear(g.Input("x", rows, in), g.Const("w", graph.F32(v.dense), out, in), nil))
		e, err := near(got, g, 5e-3, x)
		if err != nil {
			return "", fmt.Errorf("%s: %w", v.name, err)
		}
		answer += v.name + " " + e + " "
	}
	return answer, nil
}

// acceptCounter keeps a state on the device by feeding an output back.
func acceptCounter(s *subject) (string, error) {
	b := mil.NewBuilder()
	x := b.Input("state", mil.Tensor(mil.FP16, 1, 32))
	b.Output("next", b.Op("add", mil.In("x", x), mil.In("y", b.Half(1))))
	src, err := spelled("counter", b)
	if err != nil {
		return "", err
	}
	p, err := s.load(src, false)
	if err != nil {
		return "", err
	}
	defer p.Close()
	if err := p.run.Alias(0, 0); err != nil {
		return "", err
	}
	for range 100 {
		if err := p.run.Execute(); err != nil {
			return "", err
		}
	}
	p.outputs[0].unpack()
	for i, v := range p.Output(0) {
		if v != 100 {
			return "", fmt.Errorf("element %d counted to %g, want 100", i, v)
		}
	}
	return "100 runs count to 100", nil
}

func acceptPlacement(s *subject) (string, error) {
	b := mil.NewBuilder()
	b.Output("res", b.Op("sigmoid", mil.In("x", b.Input("inp", mil.Tensor(mil.FP16, 4, 32)))))
	src, err := spelled("placement", b)
	if err != nil {
		return "", err
	}
	p, err := s.load(src, false) // refuses any other placement
	if err != nil {
		return "", err
	}
	defer p.Close()
	place, err := e5rt.ReadPlacement(os.DirFS(p.entry.path(bundleDir)))
	return fmt.Sprintf("%s %v %v", place.Bundle, place.Parts, place.Selected), err
}

// acceptCycles makes more programs in turn than may be loaded at once.
func acceptCycles(s *subject) (string, error) {
	b := mil.NewBuilder()
	b.Output("res", b.Op("relu", mil.In("x", b.Input("inp", mil.Tensor(mil.FP16, 2, 48)))))
	src, err := spelled("cycle", b)
	if err != nil {
		return "", err
	}
	for i := range 200 {
		p, err := s.load(src, true)
		if err != nil {
			return "", fmt.Errorf("program %d: %w", i+1, err)
		}
		if err := errors.Join(p.Run(), p.Close()); err != nil {
			return "", fmt.Errorf("program %d: %w", i+1, err)
		}
	}
	if s.soft == nil {
		return "200 programs, more than load at once", nil
	}
	if live := s.soft.Live(); len(live) > 0 {
		return "", fmt.Errorf("references left: %v", live)
	}
	return "no reference left", nil
}

// acceptRefusal compiles a kernel that is too wide for every chip.
func acceptRefusal(s *subject) (string, error) {
	b := mil.NewBuilder()
	b.Output("res", b.Op("conv", mil.In("x", b.Input("inp", mil.Tensor(mil.FP16, 1, 1, 4, 32))), mil.In("weight", b.Weight("W", make([]float32, 17), 1, 1, 1, 17)),
		mil.Ints("strides", 1, 1), mil.Ints("dilations", 1, 1), mil.Ints("pad", 0, 0, 0, 0), mil.Word("pad_type", "custom"), mil.Int("groups", 1)))
	_, err := s.compute("kernel of 17", b, nil)
	if !errors.Is(err, device.ErrRefused) {
		return "", fmt.Errorf("a kernel 17 wide gives %v, want a refusal", err)
	}
	var st *e5rt.StatusError
	answer := "refused"
	if errors.As(err, &st) {
		answer = fmt.Sprintf("refused with status %d", st.Code)
	}
	after, err := acceptReLU(s)
	return answer + ", then relu " + after, err
}
