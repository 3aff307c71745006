package golden_test

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/internal/golden"
	"devicemap/internal/graph"
	"devicemap/internal/rng"
)

func embedded(t testing.TB) *golden.Set {
	t.Helper()
	set, err := golden.Open("")
	require.NoError(t, err)
	return set
}

// Every field of the embedded files has a place in the types.
func TestEveryFieldIsRead(t *testing.T) {
	for file, into := range map[string]any{
		"rng.json": new(golden.RNG), "ops.json": new(golden.Ops),
		"kernels.json": new(golden.Kernels), "models.json": new(golden.Models),
	} {
		text, err := os.ReadFile(filepath.Join("testdata", file))
		require.NoError(t, err)
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		require.NoError(t, d.Decode(into), file)
	}
}

func TestEmbeddedSet(t *testing.T) {
	set := embedded(t)
	streams, err := set.RNG()
	require.NoError(t, err)
	require.Len(t, streams.Streams, 13)
	ops, err := set.Ops()
	require.NoError(t, err)
	require.Len(t, ops.Cases, 162)
	kernels, err := set.Kernels()
	require.NoError(t, err)
	require.Len(t, kernels.Kernels, 22)
	models, err := set.Models()
	require.NoError(t, err)
	require.Len(t, models.Models, 4)
	require.Len(t, models.Blocks, 6)
	require.Len(t, models.Decode, 2)

	// Fields that differ only in case are told apart.
	jacobi, err := kernels.Kernel("E01 Jacobi solve")
	require.NoError(t, err)
	require.Equal(t, 512, jacobi.Sizes.Order)
	require.Zero(t, jacobi.Sizes.N)
	dft, err := kernels.Kernel("E01 DFT-as-matmul")
	require.NoError(t, err)
	require.Equal(t, 1024, dft.Sizes.N)
	require.Zero(t, dft.Sizes.Order)
	require.Less(t, dft.RelErrFloat64, 1e-14)
	require.NotNil(t, dft.Reference.Imag)
	quick := models.Decode[0]
	require.Equal(t, 128, quick.Config.Cache)
	require.Equal(t, 64, quick.E14.Positions)
	require.Len(t, quick.E14.Logits, 3)

	_, err = kernels.Kernel("E99")
	require.ErrorContains(t, err, `no kernel "E99"`)
	_, err = models.Model("lenet")
	require.ErrorContains(t, err, `no model "lenet"`)
	_, err = models.Block("E99")
	require.ErrorContains(t, err, `no block "E99"`)
}

func TestOpenNamesWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	_, err := golden.Open(filepath.Join(dir, "none"))
	require.ErrorContains(t, err, "none")
	require.ErrorContains(t, err, "want a directory")

	file := filepath.Join(dir, "ops.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"cases": [`), 0o600))
	_, err = golden.Open(file)
	require.ErrorContains(t, err, "is a file")

	set, err := golden.Open(dir)
	require.NoError(t, err)
	_, err = set.RNG()
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = set.Ops()
	require.ErrorContains(t, err, dir+": ops.json: cut off after 11 bytes")
}

func TestMalformedFiles(t *testing.T) {
	const op = `{"cases":[{"id":3,"op":"relu","inputs":[%IN],"outputs":[%OUT]}]}`
	const good = `{"kind":"normal","shape":[2],"scale":1,"crc32_float32":"00000000"}`
	fill := func(in, out string) string {
		s := bytes.ReplaceAll([]byte(op), []byte("%IN"), []byte(in))
		return string(bytes.ReplaceAll(s, []byte("%OUT"), []byte(out)))
	}
	for _, c := range []struct{ name, text, want string }{
		{"empty", ``, "cut off after 0 bytes"},
		{"syntax", `{"cases": }`, "byte 11 of 11"},
		{"type", `{"cases": [{"id": "x"}]}`, "field cases.id"},
		{"second value", `{"cases": []} {}`, "text after the JSON value at byte 14"},
		{"no cases", `{}`, "cases: none"},
		{"no inputs", `{"cases":[{"id":3,"op":"relu"}]}`, "cases[0] (003-relu)"},
		{"zero dimension", fill(`{"kind":"normal","shape":[0]}`, `{"shape":[1],"values":[1]}`), "inputs[0]: shape [0]"},
		{"overflow", fill(`{"kind":"normal","shape":[4294967296,4294967296]}`, `{}`), "2^40"},
		{"kind", fill(`{"kind":"uniform","shape":[2]}`, `{}`), `kind "uniform"`},
		{"values", fill(`{"kind":"values","shape":[3],"values":[[1],[2]]}`, `{}`), "2 values, want 3"},
		{"text among numbers", fill(`{"kind":"values","shape":[3],"values":[["a"]]}`, `{}`), "string among numbers"},
		{"outputs", fill(good, `{"shape":[2],"values":[1]}`), "1 values and 0 integers, want 2"},
		{"both outputs", fill(good, `{"shape":[2],"values":[1],"integers":[1]}`), "of one kind"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := golden.ParseOps([]byte(c.text))
			require.ErrorContains(t, err, c.want)
			require.Nil(t, got)
		})
	}
	_, err := golden.ParseKernels([]byte(`{"kernels":[{"name":"k","inputs":[{"name":"x","shape":[1],"crc32_float32":"01234567"}],
		"reference":{"shape":[2],"first16":[1,2],"sample":[1],"sample_index":[2]}}]}`))
	require.ErrorContains(t, err, "kernels[0] (k).reference: sample_index[0]: 2, want 0 to 1")
	_, err = golden.ParseKernels([]byte(`{"kernels":[{"name":"k"}]}`))
	require.ErrorContains(t, err, "kernels[0] (k).inputs: none")
	_, err = golden.ParseModels([]byte(`{"decode":[{"name":"d","parameters":[{"name":"w","shape":[1],"crc32_float32":"1"}]}]}`))
	require.ErrorContains(t, err, "decode[0] (d): parameters[0] (w): crc32_float32")
	_, err = golden.ParseRNG([]byte(`{"streams":[{"seed":4}]}`))
	require.ErrorContains(t, err, "streams[0] (seed 4)")
}

func TestInputsAreRebuilt(t *testing.T) {
	ops, err := embedded(t).Ops()
	require.NoError(t, err)
	kinds := map[golden.InputKind]int{}
	for _, c := range ops.Cases {
		tensors, err := c.Tensors()
		require.NoError(t, err)
		require.Len(t, tensors, len(c.Inputs))
		for _, in := range c.Inputs {
			kinds[in.Kind]++
		}
	}
	require.Equal(t, map[golden.InputKind]int{golden.Normal: 213, golden.Positive: 8, golden.Listed: 19}, kinds)

	wrong := ops.Cases[0]
	wrong.Seed++
	_, err = wrong.Tensors()
	require.ErrorContains(t, err, "case 001-relu: input 0: got CRC-32")
}

// Every case is one graph whose outputs have the listed shapes.
func TestCasesAsGraphs(t *testing.T) {
	ops, err := embedded(t).Ops()
	require.NoError(t, err)
	for _, c := range ops.Cases {
		g, inputs, err := c.Graph()
		require.NoError(t, err)
		require.Len(t, inputs, len(g.Inputs), c.Name())
		for i, v := range g.Inputs {
			require.Len(t, inputs[i], v.Shape.Elems(), "%s: input %d", c.Name(), i)
		}
		require.Len(t, g.Outputs, len(c.Outputs), c.Name())
		for i, o := range g.Outputs {
			require.Equal(t, graph.Shape(c.Outputs[i].Shape), o.Value.Shape, "%s: output %d", c.Name(), i)
		}
	}
}

func TestCasesThatAreNoGraphs(t *testing.T) {
	vector := golden.Input{Kind: golden.Normal, Shape: []int{4}, Scale: 1}
	vector.CRC32 = golden.CRC32(rng.New(1).Float32s(4, 1, 0))
	for _, c := range []struct{ op, params, want string }{
		{"erfinv", `{}`, `case 001-erfinv: no graph for operation "erfinv"`},
		{"gather", `{}`, "case 001-gather: 1 inputs, want 2"},
		{"softmax", `{"axis": 3}`, "axis 3, want 0 to 0"},
		{"slice", `{"begin": [0], "end": [4], "stride": []}`, "want one number per axis"},
		{"pad", `{"pad": [1], "mode": "wrap"}`, `no padding mode "wrap"`},
	} {
		bad := golden.Case{ID: 1, Op: c.op, Seed: 1, Inputs: []golden.Input{vector}}
		require.NoError(t, json.Unmarshal([]byte(c.params), &bad.Params))
		g, _, err := bad.Graph()
		require.ErrorContains(t, err, c.want)
		require.Nil(t, g)
	}
}

func TestTensorCheck(t *testing.T) {
	kernels, err := embedded(t).Kernels()
	require.NoError(t, err)
	k, err := kernels.Kernel("E01 GEMM floor")
	require.NoError(t, err)
	x := rng.New(k.Seed).Float32s(64*256, 1/math.Sqrt(256), 0)
	require.NoError(t, k.Inputs[0].Check(x))
	require.ErrorContains(t, k.Inputs[0].Check(x[1:]), "tensor x: got 16383 values, want 16384")
	x[7]++
	require.ErrorContains(t, k.Inputs[0].Check(x), "CRC-32")
	// "123456789" in two float32s and the check value of the CRC-32 of its first eight bytes.
	require.Equal(t, "9ae0daaf", golden.CRC32([]float32{math.Float32frombits(0x34333231), math.Float32frombits(0x38373635)}))
	require.Equal(t, "00000000", golden.CRC32(nil))
}

// digestOf makes the digest of a result as make_golden.py does.
func digestOf(v []float64, full bool) *golden.Digest {
	d := &golden.Digest{Shape: []int{len(v)}, Min: slices.Min(v), Max: slices.Max(v), First16: v[:min(16, len(v))]}
	for _, x := range v {
		d.Sum += x
		d.SumOfSquares += x * x
	}
	for i := 0; i < len(v) && len(d.Sample) < 64; i += max(1, len(v)/64) {
		d.SampleIndex, d.Sample = append(d.SampleIndex, i), append(d.Sample, v[i])
	}
	if full {
		d.Values = v
	}
	return d
}

func TestCompare(t *testing.T) {
	ref := rng.New(5).Normals(1000)
	with := func(i int, v float64) []float64 {
		got := slices.Clone(ref)
		got[i] = v
		return got
	}
	small := 0 // where the bound of a single value, 20·limit·(rms + |ref|), is narrowest
	for i, v := range ref {
		if math.Abs(v) < math.Abs(ref[small]) {
			small = i
		}
	}
	shifted := slices.Clone(ref) // a small error of every value that the samples miss
	for i := range shifted {
		if i >= 16 && i%15 != 0 {
			shifted[i] += 0.5
		}
	}
	for _, c := range []struct {
		name string
		got  []float64
		full bool
		want string // of the error; "" for none
	}{
		{"equal", ref, true, ""},
		{"equal to the samples", ref, false, ""},
		{"within the limit", with(3, ref[3]+1e-3), true, ""},
		{"one value", with(500, ref[500]+1), true, "relerr"},
		{"one sample", with(15, ref[15]+1e-1), false, "relerr"},
		{"value beyond its bound", with(small, ref[small]+2.4e-2), true, "apart by 0.024"},
		{"NaN", with(3, math.NaN()), true, "relerr"},
		{"NaN between the samples", with(17, math.NaN()), false, "sum"},
		{"infinity between the samples", with(17, math.Inf(1)), false, "sum"},
		{"between the samples", shifted, false, "sum"},
		{"opposite errors between the samples", func() []float64 {
			got := with(17, ref[17]+40)
			got[18] -= 40
			return got
		}(), false, "norm"},
		{"too short", ref[1:], true, "got 999 values, want 1000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := golden.Compare(c.got, digestOf(ref, c.full), 1e-3)
			if c.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.want)
			}
		})
	}
	got := with(3, ref[3]+1e-3)
	relErr, err := golden.Compare(got, digestOf(ref, true), 1e-3)
	require.NoError(t, err)
	require.InEpsilon(t, 1e-3/math.Sqrt(digestOf(ref, true).SumOfSquares), relErr, 1e-9)

	zero := digestOf(make([]float64, 20), true)
	relErr, err = golden.Compare(make([]float32, 20), zero, 1e-9)
	require.NoError(t, err)
	require.Zero(t, relErr)
	almost := make([]float32, 20)
	almost[19] = 1
	_, err = golden.Compare(almost, zero, 1e-9)
	require.ErrorContains(t, err, "relerr 1 ")
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		``, `{`, `[]`, `null`, `{"cases":[{"id":1,"op":"relu","params":{"axis":[1,[2]],"t":true,"m":"x"},
		"inputs":[{"kind":"values","shape":[2],"values":[1,2]}],"outputs":[{"shape":[2],"integers":[1,2]}]}]}`,
		`{"cases":[{"op":"slice","params":{"end":[1],"stride":[0],"begin":[1]},"inputs":[{"kind":"normal","shape":[2],
		"crc32_float32":"00000000"}],"outputs":[{"shape":[1],"values":[1]}]}]}`,
		`{"kernels":[{"name":"k","inputs":[{"name":"x","shape":[1],"crc32_float32":"01234567"}],
		"reference":{"real":{"shape":[1],"first16":[1],"sample":[1],"sample_index":[0]}}}]}`,
		`{"decode":[{"parameters":[{"shape":[1],"crc32_float32":"01234567"}],"E14":{"logits":{"fp16":null}}}]}`,
		`{"streams":[{"normals_first8":[1e999]}]}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if ops, err := golden.ParseOps(text); err == nil {
			for _, c := range ops.Cases {
				if total(c) < 1<<16 {
					_, _, _ = c.Graph() // an error or a graph, never a panic
				}
			}
		}
		if k, err := golden.ParseKernels(text); err == nil {
			for i := range k.Kernels {
				if ref := &k.Kernels[i].Reference.Digest; len(ref.Shape) > 0 {
					_, _ = golden.Compare([]float32{1}, ref, 1)
				}
			}
		}
		_, errModels := golden.ParseModels(text)
		_, errRNG := golden.ParseRNG(text)
		for _, err := range []error{errModels, errRNG} {
			if err != nil && err.Error() == "" {
				t.Fatal("an error without text")
			}
		}
	})
}

func total(c golden.Case) int {
	n := 0
	for _, in := range c.Inputs {
		e := 1
		for _, d := range in.Shape {
			e *= d
		}
		n += e
	}
	return n
}
