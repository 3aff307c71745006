package mil

import (
	"bytes"
	"encoding/binary"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// rawEntry is a tensor of a weight file at a stated offset.
type rawEntry struct {
	offset  uint64
	code    uint32
	padBits uint64
	data    []byte
}

// rawFile lays a weight file out by hand, from the description of the format
// and not through BlobWriter.
func rawFile(size int, entries ...rawEntry) []byte {
	f := make([]byte, size)
	le := binary.LittleEndian
	le.PutUint32(f, uint32(len(entries)))
	le.PutUint32(f[4:], 2)
	for _, e := range entries {
		d := f[e.offset:]
		copy(d, "\xef\xbe\xad\xde")
		le.PutUint32(d[4:], e.code)
		le.PutUint64(d[8:], uint64(len(e.data)))
		le.PutUint64(d[16:], e.offset+64)
		le.PutUint64(d[24:], e.padBits)
		copy(d[64:], e.data)
	}
	return f
}

// examples are the programs of testdata and their weight files.
var examples = []struct {
	file    string
	weights []byte
	stmts   int
}{
	{"relu.mil", nil, 1},
	{"linear.mil", rawFile(4352, rawEntry{64, 1, 0, make([]byte, 4096)}, rawEntry{4224, 1, 0, make([]byte, 64)}), 4},
	{"conv.mil", rawFile(1152, rawEntry{64, 1, 0, make([]byte, 864)}, rawEntry{1024, 1, 0, make([]byte, 32)}), 10},
	{"softmax.mil", nil, 4},
	{"layer_norm.mil", rawFile(1216, rawEntry{64, 1, 0, make([]byte, 512)}, rawEntry{640, 1, 0, make([]byte, 512)}), 14},
}

func readText(t testing.TB, file string) string {
	t.Helper()
	text, err := os.ReadFile("testdata/" + file)
	require.NoError(t, err)
	return string(text)
}

func spell(t testing.TB, p *Program) string {
	t.Helper()
	var out strings.Builder
	require.NoError(t, Write(&out, p))
	return out.String()
}

// TestExamples loads each program and spells it again, byte for
// byte.
func TestExamples(t *testing.T) {
	for _, tt := range examples {
		text := readText(t, tt.file)
		p, _, err := Load(text, tt.weights)
		if err != nil {
			t.Errorf("%s: %v", tt.file, err)
			continue
		}
		if got := len(p.Func.Body); got != tt.stmts {
			t.Errorf("%s: %d statements, want %d", tt.file, got, tt.stmts)
		}
		// The one decimal of the examples is spelled as all others are.
		want := strings.ReplaceAll(text, "fp16(0.0)", "fp16(0x0p+0)")
		if got := spell(t, p); got != want {
			t.Errorf("%s: spelled again as\n%s", tt.file, got)
		}
	}
}

// TestResolved reads the tree as an interpreter does.
func TestResolved(t *testing.T) {
	p, _, err := Load(readText(t, "conv.mil"), examples[2].weights)
	require.NoError(t, err)
	c := p.Func.Body[7]
	require.Equal(t, "conv", c.Op)
	require.Equal(t, []int{1, 1, 1, 1}, c.Ints("pad"))
	require.Equal(t, 1, c.Int("groups", 0))
	require.Equal(t, "custom", c.Word("pad_type", ""))
	require.Same(t, p.Func.Params[0], c.In("x"))
	require.Equal(t, uint64(64), c.In("weight").Const().Blob.Offset)
	require.Equal(t, Tensor(FP16, 1, 16, 24, 24), c.Results[0].Type)
	require.Same(t, c.Results[0], p.Func.Body[8].In("x"))
	require.Nil(t, c.Results[0].Const())

	p, _, err = Load(readText(t, "layer_norm.mil"), examples[4].weights)
	require.NoError(t, err)
	inv := p.Func.Body[10]
	require.Equal(t, "rsqrt", inv.Op)
	require.Equal(t, 0.0, inv.Num("epsilon", -1))
	require.Equal(t, 0x1.5p-17, p.Func.Body[9].In("y").Const().Floats[0])
	require.True(t, p.Func.Body[5].Flag("keep_dims", false))
}

// wrap puts statements into a program over two halves and an image.
func wrap(stmts string, outputs string) string {
	return `program(1.3)
[buildInfo = dict<string, string>({{"coremlc-component-MIL", "3520.4.1"}, {"coremlc-version", "3520.5.1"}})]
{
    func main<ios18>(tensor<fp16, [2, 6]> v, tensor<fp16, [2, 6]> w, tensor<uint8, [1, 3, 4, 4]> img) {
` + stmts + `
    } -> (` + outputs + `);
}
`
}

// TestSpecialStatements takes several results, lists and booleans.
func TestSpecialStatements(t *testing.T) {
	p, err := Parse(wrap(`
		int32 ax = const()[name = string("ax"), val = int32(1)];
		int32 ax0 = const()[val = int32(0),name=string("ax0")];
		int32 cnt = const()[name = string("cnt"), val = int32(2)];
		bool no = const()[name = string("no"), val = bool(false)];
		tensor<fp16, [2, 3]> lo, tensor<fp16, [2, 3]> hi = split(axis = ax, num_splits = cnt, x = v)[name = string("halves")];
		tensor<fp16, [4, 3]> both = concat(axis = ax0, interleave=no, values = (lo, hi))[name = string("both")];
		tensor<bool, [2, 6]> m = less(x = v, y = w)[name = string("m")];
		tensor<fp16, [2, 6]> r = select(cond = m, a = v, b = w)[name = string("r")];
		string half = const()[name = string("half"), val = string("fp16")];
		tensor<fp16, [1, 3, 4, 4]> pixels = cast(dtype = half, x = img)[name = string("pixels")];`, "both, r, pixels"))
	require.NoError(t, err)
	require.NoError(t, Check(p, nil))
	halves := p.Func.Body[4]
	require.Equal(t, "halves", halves.Label)
	require.Len(t, halves.Results, 2)
	require.Equal(t, halves.Results, p.Func.Body[5].List("values"))
	require.Equal(t, Bool, p.Func.Body[6].Results[0].Type.DType)
}

// TestBlobWriterLayout compares with a file that was laid out by hand.
func TestBlobWriterLayout(t *testing.T) {
	var b BlobWriter
	require.Equal(t, uint64(64), b.FP16("w", []float32{1, -2, 65504, 0x1p-24}))
	require.Equal(t, uint64(192), b.Int8([]int8{-127, 0, 127}))
	require.Equal(t, uint64(320), b.UInt4([]uint8{1, 15, 3}))
	require.Equal(t, uint64(448), b.Mask([]float32{0, 1, 0x1p-26, -1, 0, 0, 0, 0, 2, 0}))
	at, n := b.NonZeros("w", []float32{0, 1, 0x1p-26, -1, 0, 0, 0, 0, 2, 0})
	require.Equal(t, uint64(576), at)
	require.Equal(t, 3, n)
	want := rawFile(704,
		rawEntry{64, 1, 0, []byte{0x00, 0x3c, 0x00, 0xc0, 0xff, 0x7b, 0x01, 0x00}},
		rawEntry{192, 4, 0, []byte{0x81, 0x00, 0x7f}},
		rawEntry{320, 11, 4, []byte{0xf1, 0x03}},
		rawEntry{448, 9, 6, []byte{0x0a, 0x01}},
		rawEntry{576, 1, 0, []byte{0x00, 0x3c, 0x00, 0xbc, 0x00, 0x40}})
	var got bytes.Buffer
	n64, err := b.WriteTo(&got)
	require.NoError(t, err)
	require.Equal(t, int64(704), n64)
	require.Equal(t, uint64(704), b.Size())
	require.Equal(t, want, got.Bytes())

	var empty bytes.Buffer
	_, err = new(BlobWriter).WriteTo(&empty)
	require.NoError(t, err)
	require.Equal(t, rawFile(64), empty.Bytes())
}

// compressed are the statement forms of weights that are not plain halves,
// each with a hand-made file and the values that it stands for.
var compressed = []struct {
	name, stmts string
	weights     []byte
	want        []float32
}{
	{"int8", `tensor<fp16, [2, 6]> W = constexpr_affine_dequantize()[axis = int32(0), name = string("W"), quantized_data = tensor<int8, [2, 6]>(BLOBFILE(path = string("@model_path/weights.bin"), offset = uint64(64))), scale = tensor<fp16, [2]>(BLOBFILE(path = string("@model_path/weights.bin"), offset = uint64(192))), zero_point = int8(0)];`,
		rawFile(320, rawEntry{64, 4, 0, []byte{1, 2, 3, 4, 5, 6, 0xff, 0xfe, 0x81, 127, 0, 1}}, rawEntry{192, 1, 0, []byte{0, 0x38, 0, 0x40}}), // 0.5, 2
		[]float32{.5, 1, 1.5, 2, 2.5, 3, -2, -4, -254, 254, 0, 2}},
	{"palette", `tensor<uint4, [2, 6]> Wi = const()[name = string("Wi"), val = tensor<uint4, [2, 6]>(BLOBFILE(path = string("@model_path/weights.bin"), offset = uint64(64)))];
		tensor<fp16, [1, 1, 16, 1]> Wl = const()[name = string("Wl"), val = tensor<fp16, [1, 1, 16, 1]>(BLOBFILE(path = string("@model_path/weights.bin"), offset = uint64(192)))];
		tensor<fp16, [2, 6]> W = constexpr_lut_to_dense(indices = Wi, lut = Wl)[name = string("W")];`,
		rawFile(320, rawEntry{64, 11, 0, []byte{0x10, 0x32, 0x0f, 0x21, 0x00, 0xf3}}, rawEntry{192, 1, 0, append(make([]byte, 2), append([]byte{0, 0x3c, 0, 0x40, 0, 0xbc}, append(make([]byte, 22), 0, 0x44)...)...)}), // 0 1 2 −1 … 4
		[]float32{0, 1, 2, -1, 4, 0, 1, 2, 0, 0, -1, 4}},
	{"sparse", `tensor<uint1, [2, 6]> Wm = const()[name = string("Wm"), val = tensor<uint1, [2, 6]>(BLOBFILE(path = string("@model_path/weights.bin"), offset = uint64(64)))];
		tensor<fp16, [3]> Wn = const()[name = string("Wn"), val = tensor<fp16, [3]>(BLOBFILE(path = string("@model_path/weights.bin"), offset = uint64(192)))];
		tensor<fp16, [2, 6]> W = constexpr_sparse_to_dense(nonzero_data = Wn, mask = Wm)[name = string("W")];`,
		rawFile(320, rawEntry{64, 9, 4, []byte{0x42, 0x08}}, rawEntry{192, 1, 0, []byte{0, 0x3c, 0, 0x40, 0, 0xbc}}),
		[]float32{0, 1, 0, 0, 0, 0, 2, 0, 0, 0, 0, -1}},
	{"blockwise", `tensor<int8, [2, 6]> Wd = const()[name = string("Wd"), val = tensor<int8, [2, 6]>(BLOBFILE(path = string("@model_path/weights.bin"), offset = uint64(64)))];
		tensor<fp16, [2, 2]> Ws = const()[name = string("Ws"), val = tensor<fp16, [2, 2]>(BLOBFILE(path = string("@model_path/weights.bin"), offset = uint64(192)))];
		tensor<fp16, [2, 6]> Wb = constexpr_blockwise_shift_scale(data = Wd, scale = Ws)[name = string("Wb")];
		fp16 nil = const()[name = string("nil"), val = fp16(0.0)];
		tensor<fp16, [2, 6]> W = add(x = Wb, y = nil)[name = string("W")];`,
		rawFile(320, rawEntry{64, 4, 0, []byte{1, 2, 3, 4, 5, 6, 0xff, 0xfe, 0xfd, 1, 1, 1}}, rawEntry{192, 1, 0, []byte{0, 0x3c, 0, 0x38, 0, 0x40, 0, 0x44}}), // 1 .5 2 4
		[]float32{1, 2, 3, 2, 2.5, 3, -2, -4, -6, 4, 4, 4}},
}

func TestCompressedWeights(t *testing.T) {
	for _, tt := range compressed {
		text := wrap(tt.stmts+`
		tensor<fp16, [2, 2]> y = matmul(transpose_x = bool(false), transpose_y = bool(true), x = v, y = W)[name = string("y")];`, "y")
		p, b, err := Load(text, tt.weights)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		var s *Stmt
		for _, at := range p.Func.Body {
			if constexpr(at.Op) {
				s = at
			}
		}
		got, err := b.Dense(s)
		require.NoError(t, err, tt.name)
		require.Equal(t, tt.want, got, tt.name)
	}
}

// TestBuilderWeights writes the same weights through the builder and reads
// them back.
func TestBuilderWeights(t *testing.T) {
	b := NewBuilder()
	x := b.Input("x", Tensor(FP16, 3, 6))
	int8s := []int8{1, 2, 3, 4, 5, 6, -1, -2, -127, 127, 0, 1}
	sparse := []float32{0, 1, 0, 0, 0, 0, 2, 0, 0, 0, 0, -1}
	lut := make([]float32, 16)
	lut[15] = 4
	for _, w := range []*Value{
		b.Weight("dense", []float32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 2, 6),
		b.Int8Weight("bytes", int8s, []float32{.5, 2}, 2, 6),
		b.PaletteWeight("palette", []uint8{15, 0, 15, 0, 15, 0, 0, 0, 0, 0, 0, 15}, lut, 2, 6),
		b.SparseWeight("sparse", sparse, 2, 6),
		b.BlockWeight("blocks", int8s, []float32{1, .5, 2, 4}, 2, 6, 2),
	} {
		b.Output("y", b.Op("matmul", Flag("transpose_x", false), Flag("transpose_y", true), In("x", x), In("y", w)))
	}
	p, weights, err := b.Build()
	require.NoError(t, err)
	var file bytes.Buffer
	_, err = weights.WriteTo(&file)
	require.NoError(t, err)
	p, blob, err := Load(spell(t, p), file.Bytes())
	require.NoError(t, err)
	want := map[string][]float32{
		"dense":         {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12},
		"bytes":         {.5, 1, 1.5, 2, 2.5, 3, -2, -4, -254, 254, 0, 2},
		"palette":       {4, 0, 4, 0, 4, 0, 0, 0, 0, 0, 0, 4},
		"sparse":        sparse,
		"blocks_blocks": {1, 2, 3, 2, 2.5, 3, -2, -4, -254, 508, 0, 4},
	}
	for _, s := range p.Func.Body {
		if v, ok := want[s.Results[0].Name]; ok {
			got, err := blob.Dense(s)
			require.NoError(t, err)
			require.Equal(t, v, got, s.Results[0].Name)
			delete(want, s.Results[0].Name)
		}
	}
	require.Empty(t, want, "weights without a statement")
	offsets, err := blob.Offsets()
	require.NoError(t, err)
	require.Len(t, offsets, weights.Len())
}
