package workloads

import (
	"strconv"

	"devicemap/device"
	"devicemap/internal/graph"
)

// Point is one size of a sweep (measurements E02 to E06).
type Point struct {
	Workload       // Name is empty where the keys say it all
	Keys     []Key // what tells the point from the others, in the order of the benchmark's name

	// Traffic is how many elements one run must move, by the paper's formula;
	// the bytes are that times the dtype's size. 0 where bytes are not counted.
	Traffic float64
	// Values is about how many elements the program holds at once: inputs,
	// constants, results and the largest intermediate ones.
	Values int
}

// Key is one part of a benchmark's name.
type Key struct{ Name, Value string }

func key(name string, value int) Key { return Key{name, strconv.Itoa(value)} }

// The arms of the sweeps.
var (
	npuGPU16    = []Arm{{device.ANE, device.FP16, true}, {device.GPU, device.FP16, true}}
	npuGPUCPU16 = append(npuGPU16[:2:2], Arm{device.CPU, device.FP32, true})
)

// squareRows is how many rows of a square product are held to the reference
// (measurements E02).
const squareRows = 256

// Saturation lists the points of the compute saturation sweep (measurements
// E02): square products, then 3×3 convolutions of 64×64 maps without ReLU.
// Errors are those of a product's first 256 rows and of a convolution's first
// image, as published; the references are float64 (the paper's convolutions
// have fp32 ones, trap T6). The CPU computes the whole batch of a convolution,
// where the paper's timed one image of a naive loop (trap T7).
func Saturation(quick bool) []Point {
	sizes := []int{512, 1024, 2048, 4096, 6144, 8192}
	configs := []Conv3x3{{C: 64, Batch: 16}, {C: 128, Batch: 16}, {C: 256, Batch: 8}, {C: 512, Batch: 4}}
	if quick {
		sizes = sizes[:4]
		configs = []Conv3x3{{C: 64, Batch: 8}, {C: 128, Batch: 8}, {C: 256, Batch: 4}, {C: 512, Batch: 2}}
	}
	var list []Point
	for _, n := range sizes {
		k := GEMM{M: n, K: n, N: n}
		list = append(list, Point{
			Workload: Workload{Name: "GEMM", FLOPs: k.FLOPs(), Reps: Reps{3, 8, 8}, Arms: npuGPUCPU16,
				Build: func() (*Instance, error) { return k.build(squareRows) }},
			Keys: []Key{key("N", n)}, Values: 3 * n * n,
		})
	}
	for _, k := range configs {
		k.Size, k.Depth, k.Seed = 64, 1, 1
		list = append(list, Point{
			Workload: Workload{Name: "conv3x3", FLOPs: k.FLOPs(), Reps: Reps{3, 8, 4}, Arms: npuGPUCPU16, Build: k.Build},
			Keys:     []Key{key("C", k.C), key("B", k.Batch)}, Values: k.values(),
		})
	}
	return list
}

// archetypes of the bandwidth roofline in the paper's order, by the value of
// the archetype key.
var archetypes = []struct {
	key string
	op  ArchetypeOp
}{
	{"streaming", StreamReLU}, {"gelu", StreamGELU}, {"sum", StreamSum}, {"softmax", StreamSoftmax}, {"layer_norm", StreamLayerNorm},
}

// archetypeCols is the length of the rows of the bandwidth roofline,
// archetypeRows how many of them are held to the reference.
const archetypeCols, archetypeRows = 4096, 256

// Bandwidth lists the points of the bandwidth roofline (measurements E03), by
// archetype, then by size. All engines run the same operation: the paper's CPU
// multiplied by 2 where the others ran a ReLU, and copied where they ran a
// gelu (trap T7). Errors are those of 256 rows at equal distances; points of
// up to 2^20 elements are held to the reference as a whole.
func Bandwidth(quick bool) []Point {
	sizes := []int{1 << 18, 1 << 20, 1 << 22, 1 << 23, 1 << 24, 1 << 25, 1 << 26}
	if quick {
		sizes = []int{1 << 20, 1 << 23, 1 << 25}
	}
	var list []Point
	for _, a := range archetypes {
		for i, n := range sizes {
			k := Archetype{Op: a.op, Rows: n / archetypeCols, Cols: archetypeCols, Seed: 11, ParamSeed: 13, Earlier: sizes[:i]}
			values := 2 * n
			if a.op == StreamSum {
				values = n + k.Rows
			}
			list = append(list, Point{
				Workload: Workload{Reps: Reps{6, 20, 20}, Arms: npuGPUCPU16, Build: func() (*Instance, error) {
					return onRows(spreadRows(k.Rows, archetypeRows))(k.Build())
				}},
				Keys:    []Key{{"archetype", a.key}, key("elems", n)},
				Traffic: k.ByteFactor() * float64(n), Values: values,
			})
		}
	}
	return list
}

// servingRows is how many requests of a batch are held to the reference.
const servingRows = 4

// ServingSweep lists the points of the batched serving sweep (measurements
// E04), by block, then by batch. The paper has no other sizes for a quick run.
// The CPU, which it did not race, takes the repetitions of the others. Errors
// are those of at most 4 requests at equal distances in the batch.
func ServingSweep() []Point {
	batches := []int{1, 4, 16, 64, 256}
	var list []Point
	for _, block := range Serving() {
		for i, b := range batches {
			list = append(list, Point{
				Workload: Workload{Name: block.Name, Items: float64(b), ItemUnit: "inf", Reps: Reps{6, 20, 20}, Arms: npuGPU16,
					Build: func() (*Instance, error) {
						return onRows(spreadRows(b, servingRows))(block.Build(b, batches[:i]...))
					}},
				Keys: []Key{key("batch", b)}, Values: block.weights + b*block.valuesPerItem,
			})
		}
	}
	return list
}

// GEMVSweep lists the points of the weight-stream sweep (measurements E06):
// x [1, K]·W [N, K]ᵀ, square ones first. The CPU computes in true fp32: the
// paper's is fp64, counted at 4 bytes an element (trap T1).
func GEMVSweep(quick bool) []Point {
	sizes := [][2]int{{512, 512}, {1024, 1024}, {2048, 2048}, {4096, 4096}, {6144, 6144}, {8192, 8192},
		{8192, 2048}, {2048, 8192}, {4096, 11008}}
	if quick {
		sizes = sizes[:4]
	}
	var list []Point
	for _, s := range sizes {
		k := GEMM{M: 1, K: s[0], N: s[1]}
		moved := k.K*k.N + k.K + k.N
		list = append(list, Point{
			Workload: Workload{FLOPs: k.FLOPs(), Reps: Reps{12, 40, 20}, Arms: npuGPUCPU16, Build: k.Build},
			Keys:     []Key{key("K", k.K), key("N", k.N)}, Traffic: float64(moved), Values: moved,
		})
	}
	return list
}

// Gaps lists what the roofline synthesis measures itself (measurements E05).
// One generator serves all three, in this order. The paper raced the fused
// block on the Neural Engine alone.
func Gaps() []Point {
	a := AttentionCore{Heads: 12, S: 512, D: 64}
	f := Conv3x3{C: 256, Batch: 4, Size: 64, Depth: 3, ReLU: true, skip: a.drawn()}
	v := GEMM{M: 1, K: 4096, N: 4096, skip: a.drawn() + f.drawn()}
	gap := func(name string, w Workload, values int) Point {
		return Point{Workload: w, Keys: []Key{{"gap", name}}, Values: values}
	}
	return []Point{
		gap("attention", Workload{FLOPs: a.FLOPs(), Reps: Reps{5, 20, 10}, Arms: npuGPUCPU16, Build: a.Build}, a.values()),
		gap("fused-block", Workload{FLOPs: f.FLOPs(), Reps: Reps{5, 20, 10}, Arms: npuGPU16[:1], Build: f.Build}, f.values()),
		gap("GEMV", Workload{FLOPs: v.FLOPs(), Reps: Reps{5, 20, 20}, Arms: npuGPUCPU16, Build: v.Build}, v.K*v.N+v.K+v.N),
	}
}

// onRows limits the reference of a built instance.
func onRows(rows []int) func(*Instance, error) (*Instance, error) {
	return func(w *Instance, err error) (*Instance, error) {
		if err != nil {
			return nil, err
		}
		return w.onRows(rows), nil
	}
}

// Conv3x3 is Depth times a 3×3 convolution with padding 1 of C channels to C,
// without bias: x [Batch, C, Size, Size] ~ N(0,1), filters He-scaled. With ReLU
// there is one between the convolutions, none after the last.
type Conv3x3 struct {
	C, Batch, Size, Depth int
	ReLU                  bool
	Seed                  uint64

	skip int // draws of the gaps before this one
}

// FLOPs are Depth·2·B·C²·9·Size².
func (k Conv3x3) FLOPs() float64 {
	return 18 * float64(k.Depth*k.Batch) * float64(k.C) * float64(k.C) * float64(k.Size) * float64(k.Size)
}

// Build draws x, then the filters; where there are several, the filters come
// first (measurements E02 and E05). The reference holds the first image.
func (k Conv3x3) Build() (*Instance, error) {
	s := newSketch("3x3 convolution", k.Seed)
	s.skip(k.skip)
	image := func() *graph.Value { return s.fed("x", 1, k.Batch, k.C, k.Size, k.Size) }
	var x *graph.Value
	if k.Depth == 1 {
		x = image()
	}
	filters := make([]*graph.Value, k.Depth)
	for i := range filters {
		filters[i] = s.filter(i, k.C, k.C)
	}
	if x == nil {
		x = image()
	}
	for i, w := range filters {
		if i > 0 && k.ReLU {
			x = s.Unary(graph.ReLU, x)
		}
		x = s.Same3x3(x, w)
	}
	return onRows([]int{0})(s.done("y", x, convEvidence(k.C, k.Depth)))
}

// drawn is the number of normals that Build takes.
func (k Conv3x3) drawn() int { return 9*k.C*k.C*k.Depth + k.Batch*k.C*k.Size*k.Size }

func (k Conv3x3) values() int { return k.drawn() + min(k.Depth, 2)*k.Batch*k.C*k.Size*k.Size }

// AttentionCore is softmax(q·kᵀ/√D)·v of q, k, v [1, Heads, S, D] ~ N/√D.
type AttentionCore struct {
	Heads, S, D int
	Seed        uint64
}

// FLOPs are 4HS²D for the two products and 5HS² for the softmax.
func (k AttentionCore) FLOPs() float64 {
	scores := float64(k.Heads) * float64(k.S) * float64(k.S)
	return scores * float64(4*k.D+5)
}

// Build draws q, k, v. They are inputs, as in the paper, so a staged engine
// moves them on every run.
func (k AttentionCore) Build() (*Instance, error) {
	s := newSketch("attention core", k.Seed)
	fed := func(name string) *graph.Value { return s.fed(name, perRoot(k.D), 1, k.Heads, k.S, k.D) }
	q, key, v := fed("q"), fed("k"), fed("v")
	return s.done("y", s.Apply(graph.SDPA{}, q, key, v), evidenceFor("attention-longseq"))
}

func (k AttentionCore) drawn() int { return 3 * k.Heads * k.S * k.D }

func (k AttentionCore) values() int { return 4*k.Heads*k.S*k.D + k.Heads*k.S*k.S }
