// Package workloads builds the programs that the paper measures: graphs with
// their inputs, their float64 reference, and the facts a benchmark needs to
// time them.
//
// # Inputs
//
// Every tensor is float32(offset + scale·n) of standard normals n drawn from
// one generator per workload, in the order in which the builder names them
// (measurements 0.3; the scaling is float64, so one rounding per value).
// Inputs are therefore bit-identical to those of any other program that
// follows the rule.
//
// # Weights
//
// ResNet-18, MiniLM and ViT-B/16 take their parameters from a [Params] source.
// The device map uses [Generated] ones: same shapes, same work, no accuracy on
// real data. Such a workload says so in [Workload.Weights].
//
// # Reference and bounds
//
// [Instance.Reference] is the float64 evaluation of the graph,
// [Instance.RelErr] the distance of an engine's result from it and
// [Instance.Bound] the largest distance at which an arm may be timed.
package workloads

import (
	"fmt"
	"strings"

	"devicemap/device"
	"devicemap/internal/graph"
)

// Workload is one row of the device map.
type Workload struct {
	Name     string  // value of the workload= key
	Weights  string  // "generated" where weights are no trained ones; else empty
	FLOPs    float64 // of one run, by the paper's formula; 0 where it counts items
	Items    float64 // of one run; 0 where it counts FLOPs
	ItemUnit string  // "elem" or "inf"
	Reps     Reps
	Arms     []Arm // what the paper raced

	// Build draws the inputs and makes the graph.
	Build func() (*Instance, error)
}

// Arm is an engine class and the arithmetic it was raced in. Energy says that
// the paper also ran it in a power window.
type Arm struct {
	Kind   device.Kind
	DType  device.DType
	Energy bool
}

// Reps are the counts of the minimum-latency protocol (measurements 0.4).
type Reps struct {
	Warmup int // untimed calls
	Device int // timed calls on the Neural Engine and the GPU
	CPU    int // timed calls on the CPU
}

// Timed is the number of timed calls on engines of kind k.
func (r Reps) Timed(k device.Kind) int {
	if k == device.CPU {
		return r.CPU
	}
	return r.Device
}

// The arms of E01. The GPU's energy is the paper's fp16 run where it has one,
// and the fp32 run of the models.
var (
	npuGPU    = []Arm{{device.ANE, device.FP16, true}, {device.GPU, device.FP32, false}, {device.GPU, device.FP16, true}}
	npuGPUCPU = append(npuGPU[:3:3], Arm{device.CPU, device.FP32, false})
	models    = []Arm{{device.CPU, device.FP32, false}, {device.GPU, device.FP32, true}, {device.ANE, device.FP16, true}}
	npuCPU    = []Arm{{device.CPU, device.FP32, false}, {device.ANE, device.FP16, true}}
)

// DeviceMap lists the workloads of the single-stream device map
// (measurements E01) in the paper's order.
func DeviceMap() []Workload {
	std := Reps{8, 30, 30}
	few := Reps{8, 30, 5}
	list := []Workload{
		gemm("GEMM-floor", GEMM{M: 64, K: 256, N: 256}),
		gemm("GEMM-bandwidth", GEMM{M: 128, K: 1024, N: 1024}),
		gemm("GEMM-compute", GEMM{M: 256, K: 4096, N: 4096}),
		conv("conv-single", ConvStack{Cin: 16, C: 64, H: 32, W: 32, Depth: 1, Seed: 1}),
		conv("conv-resnet-ish", ConvStack{Cin: 64, C: 256, H: 32, W: 32, Depth: 16, Seed: 1}),
		attention("attention-vit", Attention{S: 197, D: 768, Heads: 12, Seed: 5}),
		attention("attention-longseq", Attention{S: 512, D: 768, Heads: 12, Seed: 5}),
		norm("layer_norm-vit", Norm{Op: LayerNorm, Shape: graph.Shape{197, 768}, Seed: 7}),
		norm("rms_norm-vit", Norm{Op: RMSNorm, Shape: graph.Shape{197, 768}, Seed: 7}),
		norm("group_norm-fmap", Norm{Op: GroupNorm, Shape: graph.Shape{1, 256, 64, 64}, Groups: 32, Seed: 7}),
	}
	dft := DFT{N: 1024, Seed: 2}
	stencil := Stencil{H: 256, W: 256, Steps: 32, Seed: 3}
	jacobi := Jacobi{N: 512, Iterations: 25, Seed: 8}
	list = append(list,
		Workload{Name: "DFT-as-matmul", FLOPs: dft.FLOPs(), Reps: std, Arms: npuGPU, Build: dft.Build},
		Workload{Name: "stencil-5pt", FLOPs: stencil.FLOPs(), Reps: few, Arms: npuGPUCPU, Build: stencil.Build},
		Workload{Name: "Jacobi-solve", FLOPs: jacobi.FLOPs(), Reps: few, Arms: npuGPUCPU, Build: jacobi.Build},
		model("ResNet-18-forward", Reps{5, 15, 5}, models, ResNet18().Build),
		model("MiniLM-encoder", Reps{3, 15, 5}, npuCPU, MiniLML6().Build),
		model("ViT-B-16-forward", Reps{4, 12, 4}, models, ViTB16().Build),
	)
	return list
}

// Find is the workload of the device map called name.
func Find(name string) (Workload, error) {
	var known []string
	for _, w := range DeviceMap() {
		if w.Name == name {
			return w, nil
		}
		known = append(known, w.Name)
	}
	return Workload{}, fmt.Errorf("workloads: no workload %q; there are %s", name, strings.Join(known, ", "))
}

func gemm(name string, k GEMM) Workload {
	return Workload{Name: name, FLOPs: k.FLOPs(), Reps: Reps{8, 30, 30}, Arms: npuGPUCPU, Build: k.Build}
}

func conv(name string, k ConvStack) Workload {
	return Workload{Name: name, FLOPs: k.FLOPs(), Reps: Reps{8, 30, 30}, Arms: npuGPU, Build: k.Build}
}

func attention(name string, k Attention) Workload {
	return Workload{Name: name, FLOPs: k.FLOPs(), Reps: Reps{8, 30, 10}, Arms: npuGPUCPU, Build: k.Build}
}

func norm(name string, k Norm) Workload {
	return Workload{Name: name, Items: float64(k.Shape.Elems()), ItemUnit: "elem",
		Reps: Reps{8, 30, 30}, Arms: npuGPU, Build: k.Build}
}

func model(name string, reps Reps, arms []Arm, build func(Params) (*Instance, error)) Workload {
	return Workload{Name: name, Weights: "generated", Items: 1, ItemUnit: "inf", Reps: reps, Arms: arms,
		Build: func() (*Instance, error) { return build(Generated{}) }}
}
