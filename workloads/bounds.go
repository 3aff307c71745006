package workloads

import "devicemap/device"

// evidence holds what is known of a workload's relative error.
//
// golden32 and golden16 are PyTorch's in float32, and in fp16 storage with
// every operation computed in float64 (the golden set's relerr_float32 and
// relerr_fp16). The other fields are the worst figure published for the arm
// over the M1, M2 and M5 hosts, rounded up to three digits; 0 means none.
type evidence struct {
	golden32, golden16 float64
	gpu32, gpu16       float64
	npu16              float64
}

// The rule of [evidence.bound].
const (
	slack     = 3    // over a published figure: other drivers and silicon
	single    = 4    // over golden32: another order of summation
	singleMin = 2e-7 // 3 ulp: results that PyTorch happens to get exact
	half      = 1.5  // over golden16
	halfMin   = 2e-4
	bfloat    = 8 // bf16 has 3 significand bits less than fp16
)

// bound is the largest relative error of an arm that still counts as right:
//
//	fp32    4·golden32 + 2e-7; on the GPU also 3·published where that is more
//	fp16    the larger of 1.5·golden16 + 2e-4 and 3·published for the kind
//	bf16    8·(1.5·golden16 + 2e-4); nothing is published
//
// The golden rules are those of the golden set for float32 and fp16. Published
// figures widen them because some hardware computes less exactly than its
// dtype says: the M5 host's GPU "fp32" products (trap T5), the Neural Engine's
// products at large K and its stencil on M5 (trap T21).
func (e evidence) bound(k device.Kind, d device.DType) float64 {
	published := map[device.Kind]float64{device.GPU: e.gpu16, device.ANE: e.npu16}
	switch d {
	case device.FP32:
		tight := single*e.golden32 + singleMin
		if k == device.GPU {
			return max(tight, slack*e.gpu32)
		}
		return tight
	case device.FP16:
		return max(half*e.golden16+halfMin, slack*published[k])
	case device.BF16:
		return bfloat * (half*e.golden16 + halfMin)
	default:
		return 0
	}
}

// evidenceFor panics on an unknown key, a mistake in this package.
func evidenceFor(key string) evidence {
	e, ok := known[key]
	if !ok {
		panic("workloads: no evidence for " + key)
	}
	return e
}

// gemmEvidence is that of a square-ish product: the Neural Engine's error grows
// with K, so the first measured K that is not smaller counts.
func gemmEvidence(k int) evidence {
	for _, g := range gemms {
		if k <= g.k {
			return g.evidence
		}
	}
	return gemms[len(gemms)-1].evidence
}

// gemms: published E01 and E02 (device_map_M1, _M2, _M5; saturation). Golden
// figures exist at K = 256, 1024 and 4096; between them the next larger one
// stands, and above 4096 the CPU's published one.
var gemms = []struct {
	k int
	evidence
}{
	{256, evidence{2.90e-7, 3.57e-4, 7.63e-4, 3.57e-4, 1.26e-3}},
	{512, evidence{3.42e-7, 3.60e-4, 7.70e-4, 3.60e-4, 2.58e-3}},
	{1024, evidence{3.42e-7, 3.60e-4, 7.70e-4, 3.60e-4, 5.53e-3}},
	{2048, evidence{3.75e-7, 3.60e-4, 7.71e-4, 3.60e-4, 1.22e-2}},
	{4096, evidence{3.75e-7, 3.60e-4, 7.71e-4, 3.60e-4, 2.73e-2}},
	{6144, evidence{1.41e-6, 3.60e-4, 7.71e-4, 3.60e-4, 4.40e-2}},
	{8192, evidence{1.63e-6, 3.60e-4, 7.71e-4, 3.60e-4, 6.17e-2}},
}

// convEvidence is that of stacked 3×3 convolutions without bias: published E02
// at one layer. The M5 host's GPU is less exact from 128 channels on (trap T5).
// PyTorch's float32 figure is that of a product as long as the filter, 9C. What
// several layers add is taken from the 16-deep stack.
func convEvidence(channels, depth int) evidence {
	e := known["conv-single"]
	e.golden32 = gemmEvidence(9 * channels).golden32
	e.npu16 = 5.55e-4
	if channels >= 128 {
		e.gpu16 = 7.38e-3
	}
	if depth > 1 {
		deep := known["conv-resnet-ish"]
		e.golden16, e.npu16 = deep.golden16, deep.npu16
	}
	return e
}

// known: golden figures from kernels.json and models.json. Published ones from
// device_map_M1, _M2, _M5; archetypes from bandwidth and fused_gpu, serving
// from serving, neck from below_ridge_fusion, decode from decode, all M5; the
// models' GPU figures from real_models_fp16 too. The golden set has no fp16
// figure of the models; theirs are this suite's own evaluation by the same rule
// with generated weights (TestBoundsAdmitHalfStorage), while the published ones
// are of trained weights.
var known = map[string]evidence{
	"conv-single":       {2.19e-7, 3.64e-4, 2.14e-7, 3.64e-4, 5.11e-4},
	"conv-resnet-ish":   {8.00e-7, 1.35e-3, 2.68e-6, 1.36e-3, 3.35e-3},
	"attention-vit":     {7.75e-7, 8.40e-4, 4.52e-3, 1.21e-3, 1.63e-3},
	"attention-longseq": {7.63e-7, 8.14e-4, 4.54e-3, 1.35e-3, 2.35e-3},
	"layer_norm":        {5.97e-8, 3.67e-4, 7.71e-8, 6.16e-4, 6.73e-4},
	"rms_norm":          {5.95e-8, 3.68e-4, 7.18e-8, 5.42e-4, 5.67e-4},
	"group_norm":        {5.11e-8, 3.71e-4, 7.51e-8, 5.95e-4, 7.42e-4},
	"DFT-as-matmul":     {3.33e-7, 3.52e-4, 2.09e-7, 3.52e-4, 3.51e-4},
	"stencil-5pt":       {1.07e-6, 6.59e-4, 0, 6.59e-4, 1.40e-2},
	"Jacobi-solve":      {3.97e-8, 3.42e-4, 3.94e-8, 3.42e-4, 4.00e-4},

	"ResNet-18-forward": {1.70e-7, 4.64e-4, 6.97e-7, 1.74e-3, 2.35e-3},
	"MiniLM-encoder":    {3.72e-7, 9.86e-4, 7.25e-7, 1.00e-3, 5.46e-3},
	"ViT-B-16-forward":  {8.15e-7, 1.36e-3, 2.55e-6, 5.55e-4, 7.85e-3},

	"archetype relu":       {0, 2.09e-4, 0, 2.09e-4, 2.09e-4},
	"archetype gelu":       {3.79e-8, 3.18e-4, 0, 4.53e-4, 2.41e-3},
	"archetype gelu_tanh":  {3.79e-8, 3.18e-4, 0, 4.53e-4, 2.41e-3},
	"archetype sum":        {1.15e-7, 3.00e-4, 0, 9.25e-4, 8.27e-4},
	"archetype softmax":    {1.57e-7, 5.16e-4, 0, 7.89e-4, 1.07e-3},
	"archetype layer_norm": {5.57e-8, 3.67e-4, 0, 6.02e-4, 6.73e-4},
	"neck":                 {3.76e-7, 6.76e-4, 0, 0, 3.51e-3},

	"serving vision":    {8.49e-8, 4.70e-4, 0, 5.47e-4, 1.56e-3},
	"serving encoder":   {4.56e-7, 6.16e-4, 0, 7.64e-4, 2.06e-3},
	"serving attention": {7.67e-7, 8.52e-4, 0, 1.17e-3, 1.62e-3},
	"serving gemm":      {3.42e-7, 3.61e-4, 0, 3.61e-4, 5.54e-3},
	"pre-norm block":    {4.87e-7, 6.59e-4, 0, 0, 0},
	"decode":            {2.14e-6, 2.84e-3, 0, 3.39e-3, 2.52e-2},
}
