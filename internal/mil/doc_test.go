package mil_test

import (
	"bytes"
	"fmt"
	"os"

	"devicemap/internal/mil"
)

// A program is built, spelled and read back; the tree answers by name.
func Example() {
	b := mil.NewBuilder()
	x := b.Input("x", mil.Tensor(mil.FP16, 2, 4))
	w := b.Weight("w", []float32{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}, 3, 4)
	y := b.Op("matmul", mil.In("x", x), mil.In("y", w), mil.Flag("transpose_x", false), mil.Flag("transpose_y", true))
	b.Output("y", b.Op("softmax", mil.In("x", y), mil.Int("axis", 1)))
	prog, weights, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	var text, file bytes.Buffer
	if err := mil.Write(&text, prog); err != nil {
		fmt.Println(err)
		return
	}
	if _, err := weights.WriteTo(&file); err != nil {
		fmt.Println(err)
		return
	}
	os.Stdout.Write(text.Bytes())
	prog, blob, err := mil.Load(text.String(), file.Bytes())
	if err != nil {
		fmt.Println(err)
		return
	}
	product := prog.Func.Body[1]
	values, _ := blob.Dense(product.In("y").Def)
	fmt.Println(product.Op, product.Flag("transpose_y", false), product.Results[0].Type, values[:4])

	// Output:
	// program(1.3)
	// [buildInfo = dict<string, string>({{"coremlc-component-MIL", "3520.4.1"}, {"coremlc-version", "3520.5.1"}})]
	// {
	//     func main<ios18>(tensor<fp16, [2, 4]> x) {
	//         tensor<fp16, [3, 4]> w = const()[name = string("w"), val = tensor<fp16, [3, 4]>(BLOBFILE(path = string("@model_path/weights.bin"), offset = uint64(64)))];
	//         tensor<fp16, [2, 3]> matmul_1 = matmul(transpose_x = bool(false), transpose_y = bool(true), x = x, y = w)[name = string("matmul_1")];
	//         int32 axis = const()[name = string("axis"), val = int32(1)];
	//         tensor<fp16, [2, 3]> y = softmax(axis = axis, x = matmul_1)[name = string("y")];
	//     } -> (y);
	// }
	// matmul true tensor<fp16, [2, 3]> [1 2 3 4]
}
