package mil

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const relu = `tensor<fp16, [2, 6]> y = relu(x = v)[name = string("y")];`

// refusals break one rule each.
var refusals = []struct {
	rule  Rule
	stmts string // ¦ marks the place
	what  string // part of the message
}{
	// The grammar.
	{RuleSyntax, `tensor<fp16 ¦[2, 6]> y = relu(x = v)[name = string("y")];`, "want ','"},
	{RuleSyntax, `tensor<fp16, [2, 6]> y = relu(x = v)[name = string("y")]
¦fp16 z`, "want ';'"},
	{RuleSyntax, `¦tensor<fp16, [2, 6]> y = relu(x = v)[];`, "no attribute name"},
	{RuleSyntax, `¦// a comment`, "comments"},
	{RuleSyntax, `tensor<fp16, [2, 6]> y = ¦@relu(x = v)[name = string("y")];`, "unexpected character"},
	{RuleSyntax, `tensor<fp16, [2, 6]> y = relu(x = v)[name = string("y)];¦`, "in a string"},
	{RuleSyntax, `tensor<fp16, [2, 6]> y = relu(x = v)[name = string("y¦\")];`, "no proven spelling"},
	{RuleSyntax, `tensor<fp16, [2, 6]> y = relu(v¦)[name = string("y")];`, "want '='"},
	{RuleSyntax, `tensor<fp16, [2, 6]> y = relu(x = v)[¦name = int32(1)];`, "must be string"},

	// Names and scope.
	{RuleName, `tensor<fp16, [2, 6]> ¦v = relu(x = w)[name = string("v")];`, "declared twice"},
	{RuleName, `tensor<fp16, [2, 6]> ¦tanh = relu(x = v)[name = string("tanh")];`, "word of the language"},
	{RuleName, `tensor<fp16, [2, 6]> ¦gather = relu(x = v)[name = string("gather")];`, "word of the language"},
	{RuleName, `¦tensor<fp16, [2, 6]> y = relu(x = v)[name = string("z")];`, "named \"z\""},
	{RuleScope, `tensor<fp16, [2, 6]> y = relu(x = ¦z)[name = string("y")];`, "z is used before"},
	{RuleScope, `tensor<fp16, [2, 6]> y = relu(x = ¦y)[name = string("y")];`, "y is used before"},

	// Types and literals.
	{RuleType, `tensor<fp16, ¦[1, 1, 1, 1, 1, 1, 1, 1]> y = relu(x = v)[name = string("y")];`, "rank"},
	{RuleType, `tensor<fp16, [1, 1, 1, 1, 1, 1]> ¦z = const()[name = string("z"), val = tensor<fp16, [1, 1, 1, 1, 1, 1]>(BLOBFILE(path = string("@model_path/weights.bin"), offset = uint64(448)))];`, "rank 6"},
	{RuleType, `tensor<fp16, [2, ¦0]> y = relu(x = v)[name = string("y")];`, "dimension 0"},
	{RuleType, `tensor<fp16, [¦-2, 6]> y = relu(x = v)[name = string("y")];`, "dimension -2"},
	{RuleType, `tensor<fp16, ¦[]> y = relu(x = v)[name = string("y")];`, "rank 0"},
	{RuleType, `tensor<¦fp32, [2, 6]> y = relu(x = v)[name = string("y")];`, "fp32"},
	{RuleType, `¦state<tensor<fp16, [2, 6]>> y = relu(x = v)[name = string("y")];`, "state is not a type"},
	{RuleLimit, `tensor<fp16, ¦[2147483647, 2147483647]> y = relu(x = v)[name = string("y")];`, "elements"},
	{RuleLiteral, `fp16 c = const()[name = string("c"), val = fp16(¦0x1p-03)];`, "malformed"},
	{RuleLiteral, `fp16 c = const()[name = string("c"), val = fp16(¦0.1)];`, "round it"},
	{RuleLiteral, `fp16 c = const()[name = string("c"), val = fp16(¦0x1.001p+0)];`, "round it"},
	{RuleLiteral, `fp16 c = const()[name = string("c"), val = fp16(¦0x1p+16)];`, "beyond the range"},
	{RuleLiteral, `fp16 c = const()[name = string("c"), val = fp16(¦inf)];`, "no spelling"},
	{RuleLiteral, `fp16 c = const()[name = string("c"), val = fp16(¦2)];`, "is an integer"},
	{RuleLiteral, `int32 c = const()[name = string("c"), val = int32(¦2147483648)];`, "not a int32"},
	{RuleLiteral, `bool c = const()[name = string("c"), val = bool(¦1)];`, "true or false"},
	{RuleLiteral, `tensor<int32, [2]> c = const()[name = string("c"), val = tensor<int32, [2]>([1, 2, ¦3])];`, "more than 2"},
	{RuleLiteral, `tensor<int32, [2]> c = const()[name = string("c"), val = tensor<int32, [2]>(¦[1])];`, "1 elements"},
	{RuleLiteral, `tensor<fp16, [2]> c = const()[name = string("c"), val = ¦tensor<fp16, [2]>([0x1p+0, 0x1p+0])];`, "weight file"},

	// Operations and parameters.
	{RuleOp, `¦tensor<fp16, [2, 6]> y = identity(x = v)[name = string("y")];`, "use mul by 1"},
	{RuleOp, `¦tensor<fp16, [2, 6]> y = frobnicate(x = v)[name = string("y")];`, "not an operation"},
	{RuleParam, `tensor<fp16, [2, 6]> y = relu(x = v, ¦alpha = fp16(0x1p+0))[name = string("y")];`, "does not take alpha"},
	{RuleParam, `¦tensor<fp16, [2, 6]> y = add(x = v)[name = string("y")];`, "lacks y"},
	{RuleParam, `tensor<fp16, [2, 6]> y = relu(x = v, ¦x = w)[name = string("y")];`, "twice"},
	{RuleParam, `tensor<fp16, [1, 3, 4, 4]> y = relu(x = ¦img)[name = string("y")];`, "uint8"},
	{RuleParam, `tensor<fp16, [2, 6]> y = relu(¦x = (v, w))[name = string("y")];`, "must be"},
	{RuleParam, `tensor<fp16, [2, 6]> y = relu(x = v)[¦val = fp16(0x1p+0), name = string("y")];`, "does not take val"},
	{RuleParam, `string m = const()[name = string("m"), val = string("TANH")];
tensor<fp16, [2, 6]> y = gelu(x = v, mode=¦m)[name = string("y")];`, "want EXACT or"},
	{RuleParam, `tensor<fp16, [2, 6]> y = softmax(x = v, axis=¦w)[name = string("y")];`, "want a named constant int32"},
	{RuleParam, `¦int32 c = const(x = v)[name = string("c"), val = int32(1)];`, "name and val only"},
	{RuleParam, `int32 c = const()[name = string("c"), ¦val = v];`, "must be a literal"},
	{RuleInline, `tensor<fp16, [2, 1]> y = reduce_sum(keep_dims = ¦bool(true), axes = w, x = v)[name = string("y")];`, "keep_dims"},
	{RuleInline, `tensor<fp16, [2, 6]> y = mul(x = v, y = ¦fp16(0x1p+1))[name = string("y")];`, "not an inline literal"},
	{RuleLimit, `int32 a = const()[name = string("a"), val = int32(2000000000)];
tensor<fp16, [2, 6]> y = softmax(axis = ¦a, x = v)[name = string("y")];`, "limit"},

	// Shapes and declared results.
	{RuleShape, `tensor<fp16, [2, 7]> ¦y = relu(x = v)[name = string("y")];`, "relu gives tensor<fp16, [2, 6]>"},
	{RuleShape, `tensor<bool, [2, 6]> ¦y = relu(x = v)[name = string("y")];`, "relu gives"},
	{RuleShape, `¦tensor<fp16, [2, 6]> y, tensor<fp16, [2, 6]> z = relu(x = v)[name = string("y")];`, "1 results, 2"},
	{RuleShape, `¦tensor<fp16, [2, 2]> y = matmul(transpose_x = bool(false), transpose_y = bool(false), x = v, y = w)[name = string("y")];`, "K = 6"},
	{RuleShape, `int32 a = const()[name = string("a"), val = int32(1)];
int32 n = const()[name = string("n"), val = int32(3)];
¦tensor<fp16, [2, 3]> y, tensor<fp16, [2, 3]> z = split(axis = a, num_splits = n, x = v)[name = string("y")];`, "2 results for 3"},
	{RuleShape, `bool k = const()[name = string("k"), val = bool(false)];
tensor<int32, [1]> a = const()[name = string("a"), val = tensor<int32, [1]>([1])];
¦tensor<fp16, [2]> y = reduce_sum(axes = a, keep_dims = k, x = v)[name = string("y")];`, "keep_dims must be true"},
	{RuleShape, `fp16 ¦one = const()[name = string("one"), val = int32(1)];`, "const gives int32"},

	// The weight file of the table holds fp16 [2, 6] at 64, int8 [2, 6] at
	// 192, fp16 [2] at 320 and fp16 [1] at 448.
	{RuleBlob, constant("fp16, [2, 6]", 65), "no descriptor"},
	{RuleBlob, constant("fp16, [2, 6]", 1<<40), "outside"},
	{RuleBlob, constant("fp16, [2, 7]", 64), "needs 28"},
	{RuleBlob, constant("int8, [2, 6]", 64), "holds fp16"},
	{RuleBlob, constant("int32, [2, 6]", 64), "cannot stand"},
	{RuleBlob, strings.Replace(constant("fp16, [2, 6]", 64), "weights.bin", "w.bin", 1), "path"},

	// Compressed weights.
	{RuleRoute, int8Weight + "\ntensor<fp16, [2, 6]> y = relu(x = ¦W)[name = string(\"y\")];", "no compressed weight"},
	{RuleInline, strings.Replace(int8Weight, "int32(0)", "¦v", 1) + relu, "inline literal"},
}

const int8Weight = `tensor<fp16, [2, 6]> W = constexpr_affine_dequantize()[name = string("W"), axis = int32(0), quantized_data = tensor<int8, [2, 6]>(BLOBFILE(path = string("@model_path/weights.bin"), offset = uint64(192))), scale = tensor<fp16, [2]>(BLOBFILE(path = string("@model_path/weights.bin"), offset = uint64(320))), zero_point = int8(0)];`

func constant(t string, offset int) string {
	return fmt.Sprintf("tensor<%s> c = const()[name = string(\"c\"), val = ¦tensor<%s>(BLOBFILE(path = string(\"@model_path/weights.bin\"), offset = uint64(%d)))];", t, t, offset)
}

var refusalFile = rawFile(576, rawEntry{64, 1, 0, make([]byte, 24)}, rawEntry{192, 4, 0, make([]byte, 12)}, rawEntry{320, 1, 0, make([]byte, 4)}, rawEntry{448, 1, 0, make([]byte, 2)})

func TestRefusals(t *testing.T) {
	for _, tt := range refusals {
		stmts := tt.stmts
		if plain := strings.Replace(stmts, "¦", "", 1); !strings.Contains(plain, " y = ") && !strings.Contains(plain, " y, ") {
			stmts += "\n" + relu
		}
		text, at := unmark(t, wrap(stmts, "y"))
		_, _, err := Load(text, refusalFile)
		checkRefusal(t, tt.stmts, err, tt.rule, at, tt.what)
	}
}

// unmark removes the mark ¦ from a text and gives its line and column.
func unmark(t *testing.T, text string) (plain, at string) {
	t.Helper()
	before, after, ok := strings.Cut(text, "¦")
	require.True(t, ok, "no mark in %s", text)
	line := strings.Count(before, "\n") + 1
	return before + after, fmt.Sprintf("%d:%d", line, len(before)-strings.LastIndex(before, "\n"))
}

func checkRefusal(t *testing.T, text string, err error, rule Rule, at, what string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Errorf("%s\n\terror %v, want rule %s at %s", text, err, rule, at)
		return
	}
	if got := fmt.Sprintf("%d:%d", e.Pos.Line, e.Pos.Col); e.Rule != rule || got != at || !strings.Contains(e.What, what) {
		t.Errorf("%s\n\terror %v\n\twant rule %s at %s with %q", text, err, rule, at, what)
	}
}

// TestRefusedPrograms breaks the frame around the statements.
func TestRefusedPrograms(t *testing.T) {
	good := wrap(relu, "y")
	_, _, err := Load(good, nil)
	require.NoError(t, err)
	for _, tt := range []struct {
		old, new string
		rule     Rule
		at, what string
	}{
		{"program(1.3)", "program(1.0)", RuleHeader, "1:1", "1.3"},
		{"ios18", "ios17", RuleHeader, "1:1", "ios18"},
		{"func main", "func other", RuleHeader, "1:1", "main"},
		{`{"coremlc-component-MIL", "3520.4.1"}, {"coremlc-version", "3520.5.1"}`, "", RuleHeader, "1:1", "buildInfo"},
		{"[buildInfo = dict<string, string>({{\"coremlc-component-MIL\", \"3520.4.1\"}, {\"coremlc-version\", \"3520.5.1\"}})]\n", "", RuleSyntax, "2:1", "want '['"},
		{"tensor<fp16, [2, 6]> v,", "fp16 v,", RuleType, "4:27", "parameter v"},
		{"tensor<fp16, [2, 6]> v,", "tensor<int8, [2, 6]> v,", RuleType, "4:43", "parameter v"},
		{"tensor<fp16, [2, 6]> w,", "tensor<fp16, [2, 6]> v,", RuleName, "4:67", "declared twice"},
		{relu, "", RuleScope, "6:11", "y is used before"},
		{"(y);", "(v);", RuleOutput, "6:10", "multiply it by 1"},
		{"(y);", "(y, y);", RuleOutput, "6:10", "returned twice"},
		{"(y);", "();", RuleOutput, "6:10", "returns nothing"},
		{"(y);", "(y)", RuleSyntax, "7:1", "want ';'"},
		{relu, `fp16 y = const()[name = string("y"), val = fp16(0x1p+0)];`, RuleBody, "6:10", "computes nothing"},
		{relu, `tensor<bool, [2, 6]> y = less(x = v, y = w)[name = string("y")];`, RuleOutput, "6:10", "tensor<bool"},
		{relu + "\n    } -> (y)", relu + "\nfp16 z = const()[name = string(\"z\"), val = fp16(0x1p+0)];\n} -> (z)", RuleOutput, "7:6", "constant"},
		{";\n}\n", ";\n} }\n", RuleSyntax, "7:3", "end of the text"},
	} {
		text := strings.Replace(good, tt.old, tt.new, 1)
		require.NotEqual(t, good, text, "%q is not in the text", tt.old)
		_, _, err := Load(text, nil)
		checkRefusal(t, text, err, tt.rule, tt.at, tt.what)
	}
}

// TestRouteOfCompressedWeights: what is only valid in one place is refused in
// every other.
func TestRouteOfCompressedWeights(t *testing.T) {
	blocks := func(k *kit) *Value {
		v := k.BlockWeight("q", make([]int8, 12), make([]float32, 4), 2, 6, 2)
		return v.Def.In("x") // before the add
	}
	for name, use := range map[string]func(k *kit) *Value{
		"blockwise into matmul": func(k *kit) *Value { return k.product(blocks(k)) },
		"blockwise plus one":    func(k *kit) *Value { return k.Op("add", In("x", blocks(k)), In("y", k.Half(1))) },
		"blockwise times zero":  func(k *kit) *Value { return k.Op("mul", In("x", blocks(k)), In("y", k.Half(0))) },
		"int8 into reshape": func(k *kit) *Value {
			return k.Op("reshape", In("x", k.Int8Weight("q", make([]int8, 12), make([]float32, 2), 2, 6)), Ints("shape", 12))
		},
		"int8 as x of matmul": func(k *kit) *Value {
			w := k.Int8Weight("q", make([]int8, 12), make([]float32, 2), 2, 6)
			return k.Op("matmul", In("x", w), k.in("y", 6, 2), Flag("transpose_x", false), Flag("transpose_y", false))
		},
		"palette into concat": func(k *kit) *Value {
			w := k.PaletteWeight("q", make([]uint8, 12), make([]float32, 16), 2, 6)
			return k.Op("concat", List("values", w, w), Int("axis", 0), Flag("interleave", false))
		},
	} {
		b := NewBuilder()
		use(&kit{b})
		var e *Error
		if !errors.As(b.Err(), &e) || e.Rule != RuleRoute {
			t.Errorf("%s: error %v, want rule %s", name, b.Err(), RuleRoute)
		}
	}
}

// TestRefusedShapes: one broken shape rule per family, by its builder call.
func TestRefusedShapes(t *testing.T) {
	for name, use := range map[string]func(k *kit) *Value{
		"add 3 and 4":    func(k *kit) *Value { return k.Op("add", k.x(2, 3), k.in("y", 2, 4)) },
		"add of scalars": func(k *kit) *Value { return k.Op("add", In("x", k.Half(1)), In("y", k.Half(2))) },
		"wide condition": func(k *kit) *Value {
			m := k.Op("less", k.x(4, 3), k.in("y", 4, 3))
			return k.Op("select", In("cond", m), In("a", k.Half(1)), k.in("b", 3))
		},
		"prelu of rank 2": func(k *kit) *Value { return k.Op("prelu", k.x(4, 3), k.w("alpha", 3)) },
		"matmul of rank 1": func(k *kit) *Value {
			return k.Op("matmul", k.x(3), k.in("y", 3, 3), Flag("transpose_x", false), Flag("transpose_y", false))
		},
		"batch 2 and 3": func(k *kit) *Value {
			return k.Op("matmul", k.x(2, 3, 3), k.in("y", 3, 3, 3), Flag("transpose_x", false), Flag("transpose_y", false))
		},
		"bias": func(k *kit) *Value { return k.Op("linear", k.x(2, 4), k.w("weight", 7, 4), k.w("bias", 4)) },
		"mask": func(k *kit) *Value {
			return k.Op("scaled_dot_product_attention", k.in("query", 1, 2, 5, 8), k.in("key", 1, 2, 7, 8), k.in("value", 1, 2, 7, 8), k.in("attn_mask", 7, 5))
		},
		"groups": func(k *kit) *Value {
			return k.conv("conv", k.x(1, 4, 9, 9), k.w("weight", 6, 4, 3, 3), 2, [4]int{}, [2]int{1, 1}, [2]int{1, 1})
		},
		"window too large": func(k *kit) *Value {
			return k.conv("conv", k.x(1, 4, 2, 2), k.w("weight", 6, 4, 3, 3), 1, [4]int{}, [2]int{1, 1}, [2]int{1, 1})
		},
		"stride 0": func(k *kit) *Value {
			return k.conv("conv", k.x(1, 4, 9, 9), k.w("weight", 6, 4, 3, 3), 1, [4]int{}, [2]int{0, 1}, [2]int{1, 1})
		},
		"computed, batch 2": func(k *kit) *Value {
			return k.conv("conv", k.x(2, 4, 9, 9), k.in("weight", 6, 4, 3, 3), 1, [4]int{}, [2]int{1, 1}, [2]int{1, 1})
		},
		"norm": func(k *kit) *Value {
			return k.Op("instance_norm", k.x(1, 3, 4, 4), k.w("gamma", 4), k.w("beta", 3), Half("epsilon", 0))
		},
		"axis twice": func(k *kit) *Value {
			return k.Op("reduce_sum", k.x(2, 3), Ints("axes", 1, -1), Flag("keep_dims", true))
		},
		"axis 2 of 2":   func(k *kit) *Value { return k.Op("softmax", k.x(2, 3), Int("axis", 2)) },
		"topk":          func(k *kit) *Value { v, _ := k.TopK(k.val(2, 3), 1, 4); return v },
		"reshape":       func(k *kit) *Value { return k.Op("reshape", k.x(2, 3), Ints("shape", 7)) },
		"reshape by −1": func(k *kit) *Value { return k.Op("reshape", k.x(2, 3), Ints("shape", -2, -3)) },
		"perm":          func(k *kit) *Value { return k.Op("transpose", k.x(2, 3), Ints("perm", 1)) },
		"squeeze":       func(k *kit) *Value { return k.Op("squeeze", k.x(2, 3), Ints("axes", 1)) },
		"slice":         func(k *kit) *Value { return k.Op("slice_by_size", k.x(2, 3), Ints("begin", 0, 2), Ints("size", 2, 2)) },
		"slice index":   func(k *kit) *Value { return k.Op("slice_by_index", k.x(2, 3), Ints("begin", 0, 2), Ints("end", 2, 2)) },
		"concat": func(k *kit) *Value {
			return k.Op("concat", List("values", k.val(2, 3), k.val(3, 4)), Int("axis", 1), Flag("interleave", false))
		},
		"stack": func(k *kit) *Value { return k.Op("stack", List("values", k.val(2, 3), k.val(2, 4)), Int("axis", 0)) },
		"split": func(k *kit) *Value { return k.Split(k.val(2, 7), 1, 3)[0] },
		"tile":  func(k *kit) *Value { return k.Op("tile", k.x(2, 3), Ints("reps", 0, 1)) },
		"reflect": func(k *kit) *Value {
			return k.Op("pad", k.x(2, 3), Ints("pad", 0, 0, 3, 0), Word("mode", "reflect"), Half("constant_val", 0))
		},
		"range":     func(k *kit) *Value { return k.Op("range_1d", Half("start", 1), Half("end", 8), Half("step", -1)) },
		"shuffle":   func(k *kit) *Value { return k.Op("pixel_shuffle", k.x(1, 6, 3, 4), Int("upscale_factor", 2)) },
		"unshuffle": func(k *kit) *Value { return k.Op("space_to_depth", k.x(1, 6, 3, 4), Int("block_size", 2)) },
		"crop all": func(k *kit) *Value {
			return k.Op("crop", k.x(1, 6, 3, 4), Ints("crop_height", 2, 1), Ints("crop_width", 0, 0))
		},
		"half a pixel": func(k *kit) *Value {
			return k.Op("upsample_bilinear", k.x(1, 3, 4, 5), Flag("align_corners", false), Single("scale_factor_height", 1.5), Single("scale_factor_width", 3))
		},
		"scale": func(k *kit) *Value {
			return k.Op("quantize", In("input", k.val(2, 6)), k.w("scale", 2), Int("axis", 1), Word("output_dtype", "int8"))
		},
		"odd rows":        func(k *kit) *Value { return k.PaletteWeight("q", make([]uint8, 9), make([]float32, 16), 3, 3) },
		"dense as sparse": func(k *kit) *Value { return k.SparseWeight("q", []float32{1, 1, 1, 0}, 2, 2) },
		"blocks":          func(k *kit) *Value { return k.BlockWeight("q", make([]int8, 12), make([]float32, 8), 2, 6, 4) },
	} {
		b := NewBuilder()
		use(&kit{b})
		var e *Error
		if !errors.As(b.Err(), &e) || e.Rule != RuleShape {
			t.Errorf("%s: error %v, want rule %s", name, b.Err(), RuleShape)
		}
	}
}
