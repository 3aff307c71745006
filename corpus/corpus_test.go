package corpus

import (
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/device"
	"devicemap/device/cpu"
	"devicemap/device/gpu"
	"devicemap/internal/graph"
	"devicemap/internal/registry"
)

func openCPU(t *testing.T) device.Engine {
	t.Helper()
	e, err := cpu.Open(cpu.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { e.Close() })
	return e
}

// column is one engine of the gate.
type column struct {
	name     string
	settings Settings
	open     func(t *testing.T) device.Engine // skips where the host lacks it
}

// columns lists the engines of this host: the CPU, each GPU library that
// opens, and the Neural Engine, in silicon or in software.
func columns() []column {
	list := []column{{name: "CPU", open: openCPU}}
	for _, o := range gpu.Openers() {
		list = append(list, column{name: o.Name, open: func(t *testing.T) device.Engine { return opened(t, o) }})
	}
	return append(list, neuralEngines()...)
}

// opened opens an engine or skips with the reason of its absence.
func opened(t *testing.T, o device.Opener) device.Engine {
	t.Helper()
	e, err := o.Open()
	if err != nil {
		t.Skip(device.Absence{Kind: o.Kind, Name: o.Name, Err: err})
	}
	t.Cleanup(func() { e.Close() })
	return e
}

// board keeps the reports of TestCorpus for TestSummary.
var board struct {
	sync.Mutex
	reports map[string]Report
}

func recorded(name string, r Report) {
	board.Lock()
	defer board.Unlock()
	if board.reports == nil {
		board.reports = map[string]Report{}
	}
	board.reports[name] = r
}

// TestCorpus is the gate: every engine of this host over the whole corpus.
func TestCorpus(t *testing.T) {
	for _, col := range columns() {
		t.Run(col.name, func(t *testing.T) {
			if strings.Contains(col.name, "-software") {
				t.Parallel() // a device would be shared, these are not
			}
			recorded(col.name, shared().Run(t, col.open(t), col.settings))
		})
	}
}

// TestContract holds every engine of this host to the promises of package
// device. It counts allocations, so nothing runs beside it.
func TestContract(t *testing.T) {
	for _, col := range columns() {
		t.Run(col.name, func(t *testing.T) { Contract(t, col.open(t)) })
	}
}

// TestSummary prints the tables of all engines; alone, it computes them first.
func TestSummary(t *testing.T) {
	for _, col := range columns() {
		t.Run(col.name, func(t *testing.T) {
			board.Lock()
			report, ok := board.reports[col.name]
			board.Unlock()
			if !ok {
				report = shared().report(col.open(t), col.settings)
			}
			if len(report) == 0 {
				t.Skip("the engine was not run")
			}
			if !report.Green() {
				t.Errorf("the gate is red: %v", report.Red())
			}
			var b strings.Builder
			require.NoError(t, report.WriteTable(&b))
			require.NoError(t, report.WriteSummary(&b))
			t.Logf("%s\n%s", Banner(shared().Cases()), b.String())
		})
	}
}

// report is Run without subtests.
func (c *Corpus) report(e device.Engine, s Settings) (r Report) {
	for _, d := range e.Info().DTypes {
		for _, k := range c.All() {
			if s.Skip != nil && s.Skip(k) != "" {
				continue
			}
			for _, v := range k.Variants() {
				r = append(r, k.Result(OnEngine(e, d), v, s.XFail[k.Name]))
			}
		}
	}
	return r
}

// TestOperationsOfTheCorpus counts the graph nodes of the published cases as
// the publication does: 67 of the 81 fused operations and 2 of the 19 bridges.
func TestOperationsOfTheCorpus(t *testing.T) {
	unused := strings.Fields(`abs adds affine avg_pool erf exp l2_norm log max_pool pixel_unshuffle pow resize_bilinear rsqrt softplus`)
	used := map[string]bool{}
	for _, c := range shared().Cases() {
		g, err := c.Graph(FP16)
		require.NoError(t, err)
		for _, n := range g.Nodes {
			for _, name := range composed(n) {
				used[name] = true
			}
		}
	}
	published := map[string]bool{}
	for _, d := range registry.Differences() {
		if d.Field == "status" {
			published[d.Name] = true // not fused in the census
		}
	}
	var missing []string
	var fused, bridges []string
	for _, e := range registry.Entries() {
		switch {
		case e.Status == registry.Bridge && used[e.Name]:
			bridges = append(bridges, e.Name)
		case e.Status != registry.Fused || published[e.Name]:
		case used[e.Name]:
			fused = append(fused, e.Name)
		default:
			missing = append(missing, e.Name)
		}
	}
	require.Equal(t, unused, missing)
	require.Len(t, fused, 67)
	require.Equal(t, []string{"argmax", "sdpa"}, bridges)
}

// composed names the registry's operations that the publication's frontend
// makes of a node.
func composed(n *graph.Node) []string {
	switch op := n.Op.(type) {
	case graph.Linear, graph.CumSum:
		return []string{"matmul"}
	case graph.MatMul:
		if n.In[1].Const == nil {
			return []string{"bmm"}
		}
	case graph.Gather:
		return []string{"slice_by_size", "concat"}
	case graph.Compare:
		return []string{string(op.Fn)}
	}
	return []string{n.Op.Name()}
}

// TestProbes resolves the negatives that the original refuses when a graph is
// built: here each is refused too, or computed and held to numbers.
func TestProbes(t *testing.T) {
	computed := map[string]string{ // probe to case
		"topk_k3": "topk_k3_smallest", "minmax_norm_channel": "minmax_norm_channel", "lrn_c16": "lrn_C20",
		"scaled_elementwise_sub": "scaled_elementwise_sub",
	}
	listed := map[string]string{}
	for _, d := range registry.Differences() {
		if d.Field == "probe" {
			listed[d.Name] = d.Here
		}
	}
	probes := 0
	for _, e := range registry.Entries() {
		if e.Probe == "" {
			continue
		}
		probes++
		switch name, ok := computed[e.Probe]; {
		case ok:
			if listed[e.Name] != "computed" {
				t.Errorf("%s is computed here and not among the differences", e.Name)
			}
			find(t, "untouched", name)
		case e.Probe == "int32_weight":
			if listed[e.Name] != "not expressible" {
				t.Errorf("%s: %q", e.Name, listed[e.Name])
			}
		case e.Probe == "batch_to_space_indivisible":
			b := graph.New("probe")
			b.Output("y", b.Apply(graph.BatchToSpace{Block: [2]int{2, 2}}, b.Input("x", 3, 1, 2, 2)))
			if _, err := b.Build(); err == nil {
				t.Error("a batch that does not divide is accepted")
			}
		default:
			t.Errorf("%s: probe %q is not resolved", e.Name, e.Probe)
		}
	}
	if probes != 6 {
		t.Errorf("%d probes, want 6", probes)
	}
}
