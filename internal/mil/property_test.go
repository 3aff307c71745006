package mil

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/internal/graph"
)

// randomProgram strings accepted configurations of operations together and
// returns some of their results, a parameter and a constant.
func randomProgram(t *testing.T, r *rand.Rand) (*Program, *BlobWriter) {
	t.Helper()
	k := &kit{NewBuilder()}
	base := k.val(2, 3)
	names := slices.Sorted(maps.Keys(twins))
	for made := 0; made < 1+r.IntN(12); {
		tw := twins[names[r.IntN(len(names))]](r)
		if !accepted(tw) {
			continue
		}
		var vals []*Value
		for _, s := range tw.in {
			w := make([]float32, product(s))
			for i := range w {
				w[i] = float32(r.NormFloat64())
			}
			if r.IntN(3) == 0 {
				vals = append(vals, k.Weight("w", w, s...))
			} else {
				vals = append(vals, k.val(s...))
			}
		}
		v := tw.make(k, vals)
		v = k.Op("clip", In("x", v), Half("alpha", r.NormFloat64()), Half("beta", math.Ldexp(r.Float64(), r.IntN(40)-26)))
		k.Output([]string{"out", "relu", "7 up", ""}[r.IntN(4)], v)
		made++
	}
	k.Output("same", base)
	k.Output("baked", k.Weight("baked", []float32{1, 2}, 2))
	p, w, err := k.Build()
	require.NoError(t, err)
	return p, w
}

func accepted(tw twin) bool {
	var types []graph.Type
	for _, s := range tw.in {
		types = append(types, graph.Type{DType: graph.Float, Shape: s})
	}
	out, err := tw.op.Infer(types)
	return err == nil && len(out[0].Shape) <= MaxRank
}

// TestRandomPrograms: what the builder makes and the writer spells is what the
// reader reads, weights included.
func TestRandomPrograms(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for range 300 {
		p, w := randomProgram(t, r)
		var file bytes.Buffer
		_, err := w.WriteTo(&file)
		require.NoError(t, err)
		text := spell(t, p)
		got, blob, err := Load(text, file.Bytes())
		require.NoError(t, err, text)
		require.Equal(t, text, spell(t, got))
		require.Equal(t, shapeOf(p), shapeOf(got), text)
		offsets, err := blob.Offsets()
		require.NoError(t, err)
		require.Len(t, offsets, w.Len())
		// Whitespace is free.
		dense := strings.ReplaceAll(strings.ReplaceAll(text, " = ", "="), ", ", ",")
		again, err := Parse(strings.ReplaceAll(dense, "\n", "\n\t "))
		require.NoError(t, err, dense)
		require.Equal(t, text, spell(t, again))
	}
}

// shapeOf lists what an interpreter sees of a program, without positions.
func shapeOf(p *Program) []any {
	var out []any
	note := func(v *Value) { out = append(out, v.Name, v.Type.String()) }
	for _, v := range p.Func.Params {
		note(v)
	}
	for _, s := range p.Func.Body {
		out = append(out, s.Op)
		for _, a := range slices.Concat(s.Args, s.Attrs) {
			out = append(out, a.Name, a.List)
			for _, o := range a.Operands {
				if o.Value != nil {
					note(o.Value)
				} else {
					out = append(out, o.Lit.Type.String(), o.Lit.Str, append([]float64{}, o.Lit.Floats...), append([]int64{}, o.Lit.Ints...))
				}
			}
		}
		for _, v := range s.Results {
			note(v)
		}
	}
	for _, v := range p.Func.Outputs {
		note(v)
	}
	return out
}

func TestWriteRefusesWhatHasNoSpelling(t *testing.T) {
	for _, tt := range []struct {
		l    Literal
		want string
	}{
		{Literal{Type: Scalar(FP16), Floats: []float64{math.Inf(1)}}, "not a finite half"},
		{Literal{Type: Scalar(FP16), Floats: []float64{math.NaN()}}, "not a finite half"},
		{Literal{Type: Scalar(FP16), Floats: []float64{0.1}}, "not a finite half"},
		{Literal{Type: Scalar(FP32), Floats: []float64{math.Pi}}, "not a finite float32"},
		{Literal{Type: Scalar(String), Str: "a\"b"}, "without a proven spelling"},
		{Literal{Type: Tensor(Int32, 2), Ints: []int64{1}}, "fewer values"},
	} {
		b := NewBuilder()
		b.constant("c", &tt.l)
		err := Write(io.Discard, &b.prog)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("Write of %+v = %v, want %q", tt.l, err, tt.want)
		}
	}
}

func TestHexFloats(t *testing.T) {
	for _, tt := range []struct {
		v    float64
		want string
	}{
		{0.125, "0x1p-3"}, {0, "0x0p+0"}, {-10, "-0x1.4p+3"}, {1, "0x1p+0"}, {1e-5, "0x1.5p-17"}, {65504, "0x1.ffcp+15"},
		{0x1p-24, "0x1p-24"}, {1e-12, "0x0p+0"}, {1024, "0x1p+10"},
	} {
		var out strings.Builder
		b := NewBuilder()
		b.Half(tt.v)
		require.NoError(t, Write(&out, &b.prog))
		if !strings.Contains(out.String(), "val = fp16("+tt.want+")]") {
			t.Errorf("%g is spelled\n%s, want %s", tt.v, out.String(), tt.want)
		}
	}
}

func TestWeightErrors(t *testing.T) {
	var b BlobWriter
	b.FP16("fine", make([]float32, 100000))
	v := make([]float32, 100001)
	v[3], v[99999], v[100000] = 1e6, float32(math.Inf(1)), float32(math.NaN())
	b.FP16("head", v)
	_, err := b.WriteTo(io.Discard)
	var e *WeightError
	require.True(t, errors.As(err, &e), "%v", err)
	require.Equal(t, WeightError{"head", 3, 1e6, 100001}, *e)

	var big BlobWriter
	big.add(Descriptor{Code: BlobInt8, Size: MaxWeights}, nil)
	_, err = big.WriteTo(io.Discard)
	var size *SizeError
	require.True(t, errors.As(err, &size), "%v", err)
	require.Equal(t, uint64(MaxWeights+128), size.Bytes)
}

func TestNonFinite(t *testing.T) {
	for n := 2; n <= 32; n += 2 {
		for i := 0; i < n; i += 2 {
			for h := range 1 << 8 { // every exponent with some significands
				b := make([]byte, n)
				b[i], b[i+1] = byte(h*7), byte(h)
				if got, want := nonFinite(b), h&0x7c == 0x7c; got != want {
					t.Fatalf("nonFinite of %02x%02x at %d of %d = %v, want %v", b[i+1], b[i], i, n, got, want)
				}
			}
		}
	}
}

// TestBrokenBlobs damages one field each.
func TestBrokenBlobs(t *testing.T) {
	for _, tt := range []struct {
		name string
		at   int
		b    []byte
		want string
	}{
		{"version", 4, []byte{1}, "version 1"},
		{"count", 0, []byte{255}, "room for"},
		{"magic", 64, []byte{0}, "magic"},
		{"size", 72, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, "outside"},
		{"data offset", 80, []byte{0}, "want 128"},
		{"wrapping data offset", 80, []byte{0xc0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, "want 128"},
		{"unused bits", 88, []byte{8}, "unused bits"},
	} {
		f := rawFile(192, rawEntry{64, 1, 0, []byte{1, 2, 3, 4}})
		copy(f[tt.at:], tt.b)
		b, err := OpenBlob(f)
		if err == nil {
			_, err = b.Offsets()
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q", tt.name, err, tt.want)
		}
	}
	_, err := OpenBlob(make([]byte, 63))
	require.ErrorContains(t, err, "no header")
}

// TestPackedBlob reads entries without padding between them.
func TestPackedBlob(t *testing.T) {
	b, err := OpenBlob(rawFile(256, rawEntry{64, 1, 0, []byte{1, 2}}, rawEntry{130, 1, 0, []byte{3, 4}}))
	require.NoError(t, err)
	offsets, err := b.Offsets()
	require.NoError(t, err)
	require.Equal(t, []uint64{64, 130}, offsets)
	_, data, err := b.Entry(130)
	require.NoError(t, err)
	require.Equal(t, []byte{3, 4}, data)
}

func FuzzLoad(f *testing.F) {
	for _, tt := range examples {
		f.Add(readText(f, tt.file), tt.weights)
	}
	for _, tt := range compressed {
		f.Add(wrap(tt.stmts+relu, "y"), tt.weights)
	}
	for _, tt := range refusals {
		f.Add(wrap(strings.Replace(tt.stmts, "¦", "", 1), "y"), refusalFile)
	}
	r := rand.New(rand.NewPCG(9, 9))
	for _, c := range allOpCases() {
		b := NewBuilder()
		v, _ := c(&kit{b})
		b.Output("result", v)
		p, w, err := b.Build()
		require.NoError(f, err)
		var file bytes.Buffer
		_, err = w.WriteTo(&file)
		require.NoError(f, err)
		if r.IntN(2) == 0 {
			f.Add(spell(f, p), file.Bytes())
		}
	}
	f.Fuzz(func(t *testing.T, text string, weights []byte) {
		p, blob, err := Load(text, weights)
		if err != nil {
			var e *Error
			if len(weights) == 0 && !errors.As(err, &e) {
				t.Fatalf("error without a rule: %v", err)
			}
			return
		}
		first := spell(t, p)
		again, _, err := Load(first, weights)
		if err != nil {
			t.Fatalf("%v in\n%s", err, first)
		}
		if second := spell(t, again); second != first {
			t.Fatalf("spelled as\n%s\nand then\n%s", first, second)
		}
		for _, s := range p.Func.Body {
			if s.Op != "const" && !constexpr(s.Op) {
				continue
			}
			v, err := blob.Dense(s)
			if l := s.Lit("val"); l != nil && l.Type.DType == String || err != nil && s.Op == "constexpr_sparse_to_dense" {
				continue // the number of set bits is only known now
			}
			if err != nil || len(v) != s.Results[0].Type.Elems() {
				t.Fatalf("Dense of %s %v = %d values, %v", s.Op, s.Results[0].Type, len(v), err)
			}
		}
	})
}

func FuzzBlob(f *testing.F) {
	for _, tt := range compressed {
		f.Add(tt.weights, uint64(64))
	}
	f.Add(refusalFile, uint64(192))
	f.Add([]byte{}, uint64(math.MaxUint64))
	f.Fuzz(func(t *testing.T, file []byte, offset uint64) {
		b, err := OpenBlob(file)
		if err != nil {
			return
		}
		d, data, err := b.Entry(offset)
		if err == nil && (uint64(len(data)) != d.Size || len(data) > len(file)-128) {
			t.Fatalf("Entry(%d) of %d bytes = %+v with %d bytes", offset, len(file), d, len(data))
		}
		offsets, err := b.Offsets()
		if err == nil && len(offsets) != b.Len() || len(offsets) > len(file)/64 {
			t.Fatalf("%d offsets of %d entries in %d bytes, %v", len(offsets), b.Len(), len(file), err)
		}
	})
}

// BenchmarkModel emits, writes, reads and checks a model of 86 million
// weights, the size of the largest published one.
func BenchmarkModel(b *testing.B) {
	const layers, width, hidden = 18, 768, 3072
	up, down := make([]float32, width*hidden), make([]float32, width*hidden)
	all := make([][]float32, 2*layers) // distinct memory, as in a real model
	r := rand.New(rand.NewPCG(1, 1))
	for i := range up {
		up[i], down[i] = float32(r.NormFloat64()), float32(r.NormFloat64())
	}
	for i := range all {
		all[i] = slices.Clone([][]float32{up, down}[i%2])
	}
	dir := b.TempDir()
	b.ReportAllocs()
	for b.Loop() {
		m := NewBuilder()
		x := m.Input("x", Tensor(FP16, 197, width))
		for i := range layers {
			h := m.Op("matmul", In("x", x), In("y", m.Weight("up", all[2*i], hidden, width)), Flag("transpose_x", false), Flag("transpose_y", true))
			h = m.Op("gelu", In("x", h), Word("mode", "EXACT"))
			h = m.Op("matmul", In("x", h), In("y", m.Weight("down", all[2*i+1], width, hidden)), Flag("transpose_x", false), Flag("transpose_y", true))
			x = m.Op("add", In("x", x), In("y", h))
		}
		m.Output("y", x)
		p, w, err := m.Build()
		require.NoError(b, err)
		path := filepath.Join(dir, "weights.bin")
		f, err := os.Create(path)
		require.NoError(b, err)
		_, err = w.WriteTo(f)
		require.NoError(b, err)
		require.NoError(b, f.Close())
		text := spell(b, p)
		file, err := os.ReadFile(path)
		require.NoError(b, err)
		_, _, err = Load(text, file)
		require.NoError(b, err)
	}
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	b.ReportMetric(float64(2*layers*width*hidden), "weights")
	b.ReportMetric(float64(mem.Sys)/1e6, "MB-from-OS")
}
