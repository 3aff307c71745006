package results

import (
	"slices"
	"strings"
)

// MapBench is the name of the device map's benchmark, without "Benchmark".
const MapBench = "DeviceMap"

// Values of the device key in the published files. A name is an engine kind,
// or a kind, a dash and the library that stands for it.
const (
	CPU      = "CPU"
	GPU      = "GPU"
	ANE      = "ANE"
	CPUTorch = "CPU-torch"
	GPUMPS   = "GPU-MPS"
)

// Values of the weights key of the real models.
const (
	Generated  = "generated"  // seeded weights, made by the suite
	Pretrained = "pretrained" // the published runs
)

// Workload is one line of the device map.
type Workload struct {
	Name  string // value of the workload key
	Label string // in the published JSON
	Model bool   // a real model: its name also has a weights key
}

// Workloads lists the device map in its published order (measurement E01).
// Labels are those of the published result files.
var Workloads = []Workload{
	{"GEMM-floor", "GEMM floor (M=64,K=256,N=256)", false},
	{"GEMM-bandwidth", "GEMM bandwidth (M=128,K=1024,N=1024)", false},
	{"GEMM-compute", "GEMM compute (M=256,K=4096,N=4096)", false},
	{"conv-single", "conv single (C=64,32x32,k=3,depth=1)", false},
	{"conv-resnet-ish", "conv resnet-ish (C=256,32x32,k=3,depth=16)", false},
	{"attention-vit", "attention vit (S=197,D=768,H=12)", false},
	{"attention-longseq", "attention longseq (S=512,D=768,H=12)", false},
	{"layer_norm-vit", "layer_norm vit (197, 768)", false},
	{"rms_norm-vit", "rms_norm vit (197, 768)", false},
	{"group_norm-fmap", "group_norm fmap (1, 256, 64, 64)", false},
	{"DFT-as-matmul", "DFT-as-matmul (N=1024)", false},
	{"stencil-5pt", "stencil 5pt (256x256, steps=32)", false},
	{"Jacobi-solve", "Jacobi solve (n=512, iters=25)", false},
	{"ResNet-18-forward", "ResNet-18 forward (1x3x224x224)", true},
	{"MiniLM-encoder", "MiniLM encoder (1 sentence)", true},
	{"ViT-B-16-forward", "ViT-B/16 forward (1x3x224x224, 197 tokens)", true},
}

// workloadRank is the place of a workload in [Workloads]; unknown names come
// last.
func workloadRank(name string) int {
	i := slices.IndexFunc(Workloads, func(w Workload) bool { return w.Name == name })
	if i < 0 {
		return len(Workloads)
	}
	return i
}

// paperDevices pairs the published device names with ours.
var paperDevices = []struct{ paper, ours string }{
	{"ANE", ANE}, {"GPU", GPU}, {"CPU", CPU}, {"CPU(torch)", CPUTorch}, {"GPU(MPS)", GPUMPS},
}

// Kind is the engine kind of a device name: the part before the first dash.
func Kind(device string) string {
	kind, _, _ := strings.Cut(device, "-")
	return kind
}

// races reports whether a device takes part in verdicts: a software stand-in
// computes like an engine but is not one.
func races(device string) bool { return !strings.HasSuffix(device, "-software") }

// FileName is the name of the results file of a host with this chip:
// "AMD EPYC 7B13 64-Core Processor" gives "AMD-EPYC-7B13.txt". It never is the
// name of a published file.
func FileName(chip string) string {
	chip, _, _ = strings.Cut(chip, "@") // a clock rate follows
	chip = strings.NewReplacer("(R)", " ", "(r)", " ", "(TM)", " ", "(tm)", " ").Replace(chip)
	var words []string
	for _, w := range strings.FieldsFunc(chip, func(r rune) bool { return !isSlugRune(r) && r != '-' }) {
		w = strings.Trim(w, "-.")
		if w == "" || w == "CPU" || w == "Processor" || strings.HasSuffix(w, "-Core") {
			continue
		}
		words = append(words, w)
	}
	slug := strings.Join(words, "-")
	switch slug {
	case "":
		slug = "unknown-chip"
	case "M1", "M2", "M5":
		slug = "Apple-" + slug
	}
	return slug + ".txt"
}

func isSlugRune(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_'
}
