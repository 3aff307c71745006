package ane

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"devicemap/internal/e5rt"
	"devicemap/internal/fp16"
	"devicemap/internal/mil"
)

// programProbes ask which programs the compiler takes and what they compute.
func programProbes() []check {
	return []check{
		{"8", "dtypes at the boundary", probeDTypes},
		{"9", "layout of the weight file", probeBlobs},
		{"10", "spellings", probeSpellings},
		{"11", "limits and slices", probeLimits},
		{"14", "native forms", probeNative},
		{"14b", "every operation", askOperations},
		{"15", "wide layer_norm", probeWideLayerNorm},
		{"16", "odd functions", probeOddFunctions},
	}
}

// Parts of a program's text.
const (
	header  = "program(1.3)\n[buildInfo = dict<string, string>({{\"coremlc-component-MIL\", \"3520.4.1\"}, {\"coremlc-version\", \"3520.5.1\"}})]\n"
	param2  = "tensor<fp16, [2, 8]> x"
	toHalf  = `string half = const()[name = string("half"), val = string("fp16")];` + "\n"
	reluX   = `tensor<fp16, [2, 8]> y = relu(x = x)[name = string("y")];`
	keepTwo = `bool keep = const()[name = string("keep"), val = bool(true)];` + "\n"
)

func function1(opset, params, body, outputs string) string {
	return fmt.Sprintf("{\n    func main<%s>(%s) {\n        %s\n    } -> (%s);\n}\n", opset, params, body, outputs)
}

// variant is one text, with ports of the sizes that it declares: the device
// cannot tell int8 from uint8, or one fp32 from two halves.
type variant struct {
	name    string
	text    string
	weights []byte
	in, out []e5rt.PortSpec
	feed    []byte    // of input 0
	want    []float32 // of output 0 as halves; nil: any
}

// ports2 are a [2, 8] input x and output y.
func ports2(v variant) variant {
	if v.in == nil {
		v.in = []e5rt.PortSpec{{Name: "x", Shape: []int{2, 8}}}
	}
	if v.out == nil {
		v.out = []e5rt.PortSpec{{Name: "y", Shape: []int{2, 8}}}
	}
	return v
}

// try compiles, loads and runs one variant.
func (s *subject) try(v variant) string {
	src := source{name: v.name, text: []byte(v.text), weights: fixedWeights(v.weights), inputs: v.in, outputs: v.out}
	p, err := s.load(src, false)
	if err != nil {
		return short(err)
	}
	defer p.Close()
	copy(p.inputs[0].view, v.feed)
	if err := p.run.Execute(); err != nil {
		return short(err)
	}
	p.outputs[0].unpack()
	switch got := p.Output(0); {
	case v.want == nil:
		return "runs"
	case slices.Equal(got, v.want):
		return "exact"
	default:
		return fmt.Sprintf("WRONG: %v, want %v", got[:min(4, len(got))], v.want[:min(4, len(v.want))])
	}
}

func (s *subject) tryAll(list ...variant) (string, error) {
	var rows []string
	for _, v := range list {
		rows = append(rows, v.name+": "+s.try(ports2(v)))
	}
	return strings.Join(rows, "; "), nil
}

// fixedWeights is a weight file as bytes.
type fixedWeights []byte

func (w fixedWeights) Size() uint64 { return uint64(len(w)) }

func (w fixedWeights) WriteTo(to io.Writer) (int64, error) {
	n, err := to.Write(w)
	return int64(n), err
}

func probeDTypes(s *subject) (string, error) {
	ports := func(name string, width int, d e5rt.DType) []e5rt.PortSpec {
		return []e5rt.PortSpec{{Name: name, Shape: []int{2, width}, DType: d}}
	}
	input := func(dtype string, bytes e5rt.DType, feed []byte) variant {
		return variant{name: dtype + " input", text: header + function1("ios18", "tensor<"+dtype+", [2, 8]> x",
			toHalf+`tensor<fp16, [2, 8]> y = cast(dtype = half, x = x)[name = string("y")];`, "y"),
			in: ports("x", 8, bytes), feed: feed, want: slices.Repeat([]float32{1}, 16)}
	}
	output := func(dtype string, width int) variant {
		return variant{name: dtype + " output", text: header + function1("ios18", param2,
			fmt.Sprintf("string to = const()[name = string(\"to\"), val = string(%q)];\n tensor<%s, [2, 8]> y = cast(dtype = to, x = x)[name = string(\"y\")];", dtype, dtype), "y"),
			out: ports("y", width, e5rt.FP16)}
	}
	ones8, ones16 := slices.Repeat([]byte{1}, 16), slices.Repeat([]byte{1, 0}, 16)
	inside := variant{name: "fp32 inside", text: header + function1("ios18", param2, toHalf+
		`string full = const()[name = string("full"), val = string("fp32")];
		tensor<fp32, [2, 8]> w = cast(dtype = full, x = x)[name = string("w")];
		tensor<fp16, [2, 8]> y = cast(dtype = half, x = w)[name = string("y")];`, "y"), feed: slices.Repeat([]byte{0, 0x3c}, 16), want: slices.Repeat([]float32{1}, 16)}
	return s.tryAll(inside, input("uint8", e5rt.UInt8, ones8), input("int8", e5rt.UInt8, ones8), input("int16", e5rt.FP16, ones16),
		input("uint16", e5rt.FP16, ones16), output("fp32", 16), output("int32", 16), output("int16", 8), output("int8", 4))
}

// entry9 is one tensor of a weight file that is laid out by hand.
type entry9 struct {
	code, padBits uint64
	data          []byte
}

// layout writes a weight file whose descriptors stand at multiples of align,
// and gives their offsets.
func layout(align int, entries ...entry9) (file []byte, offsets []int) {
	le := binary.LittleEndian
	file = make([]byte, 64)
	le.PutUint32(file, uint32(len(entries)))
	le.PutUint32(file[4:], 2)
	for _, e := range entries {
		file = append(file, make([]byte, (align-len(file)%align)%align)...)
		at := len(file)
		offsets = append(offsets, at)
		d := make([]byte, 64)
		le.PutUint32(d, 0xdeadbeef)
		le.PutUint32(d[4:], uint32(e.code))
		le.PutUint64(d[8:], uint64(len(e.data)))
		le.PutUint64(d[16:], uint64(at+64))
		le.PutUint64(d[24:], e.padBits)
		file = append(append(file, d...), e.data...)
	}
	return file, offsets
}

func halfBytes(v ...float32) []byte {
	b := make([]byte, 2*len(v))
	fp16.EncodeLE(b, v)
	return b
}

// probeBlobs multiplies x [2, 8] of ones by small weights [3, 8] or [3, 5] in
// files laid out in several ways.
func probeBlobs(s *subject) (string, error) {
	blob := func(t string, at int) string {
		return fmt.Sprintf("%s(BLOBFILE(path = string(\"@model_path/weights.bin\"), offset = uint64(%d)))", t, at)
	}
	constant := func(name, t string, at int) string {
		return fmt.Sprintf("%s %s = const()[name = string(%q), val = %s];\n", t, name, name, blob(t, at))
	}
	const product = `tensor<fp16, [2, 3]> %s = matmul(transpose_x = bool(false), transpose_y = bool(true), x = x, y = W)[name = string("%s")];` + "\n"
	out := []e5rt.PortSpec{{Name: "y", Shape: []int{2, 3}}}
	in := func(width int) []e5rt.PortSpec { return []e5rt.PortSpec{{Name: "x", Shape: []int{2, width}}} }
	ones := slices.Repeat([]byte{0, 0x3c}, 10)
	param5 := "tensor<fp16, [2, 5]> x"

	dense := func(name string, align int) variant {
		w := slices.Repeat([]float32{1, 2, 3}, 5)
		slices.Sort(w)
		file, at := layout(align, entry9{1, 0, halfBytes(w...)}, entry9{1, 0, halfBytes(1, 1, 2)})
		text := constant("W", "tensor<fp16, [3, 5]>", at[0]) + constant("b", "tensor<fp16, [1, 3]>", at[1]) + fmt.Sprintf(product, "p", "p") +
			`tensor<fp16, [2, 3]> y = add(x = p, y = b)[name = string("y")];`
		return variant{name, header + function1("ios18", param5, text, "y"), file, in(5), out, ones, []float32{6, 11, 17, 6, 11, 17}}
	}
	palette := func(name string, pad uint64) variant {
		lut := make([]float32, 16)
		for i := range lut {
			lut[i] = float32(i)
		}
		file, at := layout(64, entry9{11, pad, []byte{0x11, 0x11, 0x21, 0x22, 0x22, 0x33, 0x33, 0x03}}, entry9{1, 0, halfBytes(lut...)})
		text := constant("Wi", "tensor<uint4, [3, 5]>", at[0]) + constant("Wl", "tensor<fp16, [1, 1, 16, 1]>", at[1]) +
			`tensor<fp16, [3, 5]> W = constexpr_lut_to_dense(indices = Wi, lut = Wl)[name = string("W")];` + "\n" + fmt.Sprintf(product, "y", "y")
		return variant{name, header + function1("ios18", param5, text, "y"), file, in(5), out, ones, []float32{5, 10, 15, 5, 10, 15}}
	}
	sparse := func(name string, pad uint64) variant {
		file, at := layout(64, entry9{9, pad, []byte{0b00100001, 0b00000100}}, entry9{1, 0, halfBytes(1, 2, 3)})
		text := constant("Wm", "tensor<uint1, [3, 5]>", at[0]) + constant("Wn", "tensor<fp16, [3]>", at[1]) +
			`tensor<fp16, [3, 5]> W = constexpr_sparse_to_dense(mask = Wm, nonzero_data = Wn)[name = string("W")];` + "\n" + fmt.Sprintf(product, "y", "y")
		return variant{name, header + function1("ios18", param5, text, "y"), file, in(5), out, ones, []float32{1, 2, 3, 1, 2, 3}}
	}
	return s.tryAll(dense("aligned", 64), dense("packed", 1), palette("uint4, 4 pad bits", 4), palette("uint4, pad bits 0", 0),
		sparse("uint1, 1 pad bit", 1), sparse("uint1, pad bits 0", 0))
}

func probeSpellings(s *subject) (string, error) {
	feed := slices.Repeat([]byte{0, 0x3c}, 16)
	scaled := func(name, literal string) variant {
		return variant{name: name, text: header + function1("ios18", param2,
			fmt.Sprintf("fp16 k = const()[name = string(\"k\"), val = fp16(%s)];\n tensor<fp16, [2, 8]> y = mul(x = x, y = k)[name = string(\"y\")];", literal), "y"),
			feed: feed, want: slices.Repeat([]float32{0.5}, 16)}
	}
	ones := slices.Repeat([]float32{1}, 16)
	plain := func(name, text string) variant { return variant{name: name, text: text, feed: feed, want: ones} }
	inline := variant{name: "inline axes", text: header + function1("ios18", param2, keepTwo+
		`tensor<fp16, [2, 1]> y = reduce_max(axes = tensor<int32, [1]>([1]), keep_dims = keep, x = x)[name = string("y")];`, "y"),
		out: []e5rt.PortSpec{{Name: "y", Shape: []int{2, 1}}}, feed: feed, want: []float32{1, 1}}
	inlineFlag := inline
	inlineFlag.name = "inline keep_dims"
	inlineFlag.text = header + function1("ios18", param2, `tensor<int32, [1]> ax = const()[name = string("ax"), val = tensor<int32, [1]>([1])];
		tensor<fp16, [2, 1]> y = reduce_max(axes = ax, keep_dims = bool(true), x = x)[name = string("y")];`, "y")
	return s.tryAll(
		scaled("hex", "0x1p-1"), scaled("decimal", "0.5"), scaled("exponent of two digits", "0x1p-01"), inline, inlineFlag,
		plain("no name", header+function1("ios18", param2, "tensor<fp16, [2, 8]> y = relu(x = x);", "y")),
		plain("no buildInfo", "program(1.3)\n"+function1("ios18", param2, reluX, "y")),
		plain("comment", header+function1("ios18", param2, "// a comment\n"+reluX, "y")),
		plain("ios17", header+function1("ios17", param2, reluX, "y")),
		plain("ios16", header+function1("ios16", param2, reluX, "y")))
}

// probeLimits finds kernel widths, extents and the saturation of offset slices.
func probeLimits(s *subject) (string, error) {
	compiles := func(build func(b *mil.Builder)) bool {
		b := mil.NewBuilder()
		build(b)
		src, err := spelled("limit", b)
		if err != nil {
			return false
		}
		p, err := s.load(src, false)
		return err == nil && p.Close() == nil
	}
	kernel := func(width int) bool {
		return compiles(func(b *mil.Builder) {
			b.Output("y", b.Op("conv", mil.In("x", b.Input("x", mil.Tensor(mil.FP16, 1, 1, 4, 32))), mil.In("weight", b.Weight("W", make([]float32, width), 1, 1, 1, width)),
				mil.Ints("strides", 1, 1), mil.Ints("dilations", 1, 1), mil.Ints("pad", 0, 0, 0, 0), mil.Word("pad_type", "custom"), mil.Int("groups", 1)))
		})
	}
	extent := func(n int) bool {
		return compiles(func(b *mil.Builder) {
			b.Output("y", b.Op("relu", mil.In("x", b.Input("x", mil.Tensor(mil.FP16, 1, n)))))
		})
	}
	op := func(name string) bool {
		return compiles(func(b *mil.Builder) {
			b.Output("y", b.Op(name, mil.In("x", b.Input("x", mil.Tensor(mil.FP16, 1, 8)))))
		})
	}
	rows := []string{
		edge("kernel width", kernel, 13, 14, 15, 16), edge("extent", extent, 16384, 16385, 65536, 65537),
		fmt.Sprintf("native sin %t, cos %t", op("sin"), op("cos")),
	}
	b := mil.NewBuilder()
	x := b.Input("x", mil.Tensor(mil.FP16, 1, 4))
	b.Output("y", b.Op("slice_by_size", mil.In("x", x), mil.Ints("begin", 0, 1), mil.Ints("size", 1, 3)))
	got, err := s.compute("slice", b, []float32{0, 4094, 4096, 65504})
	rows = append(rows, fmt.Sprintf("slice at offset 1 of 4094, 4096, 65504 gives %v", got))
	return strings.Join(rows, ", "), err
}

// edge says up to which value something compiles.
func edge(what string, compiles func(int) bool, values ...int) string {
	last := "nothing"
	for _, v := range values {
		if !compiles(v) {
			return fmt.Sprintf("%s %s compiles, %d refused", what, last, v)
		}
		last = fmt.Sprint(v)
	}
	return fmt.Sprintf("%s %s compiles", what, last)
}

// probeNative runs operations whose fused constructions this suite uses, in
// their native form.
func probeNative(s *subject) (string, error) {
	ask := func(name string, b *mil.Builder, want []float32, inputs ...[]float32) string {
		got, err := s.compute(name, b, inputs...)
		if err != nil {
			return name + ": " + short(err)
		}
		worst := 0.0
		for i := range want {
			worst = max(worst, math.Abs(float64(got[i]-want[i])))
		}
		return fmt.Sprintf("%s: largest error %.2g", name, worst)
	}
	top := mil.NewBuilder()
	values, _ := top.TopK(top.Input("x", mil.Tensor(mil.FP16, 2, 6)), 1, 2)
	top.Output("y", values)

	space := mil.NewBuilder()
	space.Output("y", space.Op("space_to_batch", mil.In("x", space.Input("x", mil.Tensor(mil.FP16, 1, 1, 2, 4))),
		mil.Ints("block_shape", 2, 2), mil.Pairs("paddings", [2]int{0, 0}, [2]int{0, 0})))

	attention := mil.NewBuilder()
	q := func(name string) *mil.Value { return attention.Input(name, mil.Tensor(mil.FP16, 1, 1, 2, 4)) }
	attention.Output("y", attention.Op("scaled_dot_product_attention", mil.In("query", q("q")), mil.In("key", q("k")), mil.In("value", q("v"))))
	same := []float32{1, 0, 2, -1, 1, 0, 2, -1} // equal keys: the mean of the values
	return strings.Join([]string{
		ask("topk", top, []float32{9, 5, 6, 4}, []float32{1, 5, 2, 9, 0, -3, 4, 3, 2, 1, 0, 6}),
		ask("space_to_batch", space, []float32{0, 2, 1, 3, 4, 6, 5, 7}, []float32{0, 1, 2, 3, 4, 5, 6, 7}),
		ask("scaled_dot_product_attention", attention, []float32{2, 3, 4, 5, 2, 3, 4, 5}, same, same, []float32{1, 2, 3, 4, 3, 4, 5, 6}),
	}, "; "), nil
}

func probeWideLayerNorm(s *subject) (string, error) {
	var rows []string
	for _, d := range []int{1024, 4096, 10240, 16384} {
		row, err := askLayerNorm(s, d)
		if err != nil {
			row = short(err)
		}
		rows = append(rows, fmt.Sprintf("D=%d: %s", d, row))
	}
	return strings.Join(rows, "; "), nil
}

func probeOddFunctions(s *subject) (string, error) {
	in := []e5rt.PortSpec{{Name: "x", Shape: []int{2, 8}}}
	state := variant{name: "state port", text: header + function1("ios18", "state<tensor<fp16, [2, 8]>> st, "+param2,
		`tensor<fp16, [2, 8]> v = read_state(input = st)[name = string("v")];
		tensor<fp16, [2, 8]> y = add(x = v, y = x)[name = string("y")];`, "y")}
	unused := variant{name: "parameter unused", text: header + function1("ios18", param2+", tensor<fp16, [2, 8]> z", reluX, "y"),
		in: append(slices.Clone(in), e5rt.PortSpec{Name: "z", Shape: []int{2, 8}})}
	twice := variant{name: "value returned twice", text: header + function1("ios18", param2, reluX, "y, y")}
	direct := variant{name: "parameter returned", text: header + function1("ios18", param2, reluX, "y, x")}
	answer, err := s.tryAll(twice, direct, unused, state)
	return answer, errors.Join(err)
}
