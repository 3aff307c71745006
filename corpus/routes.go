package corpus

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"devicemap/internal/graph"
	"devicemap/internal/reference"
	"devicemap/internal/registry"
	"devicemap/internal/route"
)

// RouteLimit is the published bound of the distance between the two routes of
// an operation; equality passes.
const RouteLimit = 5e-3

// Routes are the 13 published equivalence comparisons, one graph with a bridge
// operation each (category route).
func Routes() []*Case {
	var list []*Case
	add := func(s *stream, name string, x *array, op graph.Op, operands int) {
		c := &Case{Name: name, Category: "route", Tol: RouteLimit, stream: s, arrays: []*array{x},
			build: func(n *net) *graph.Value {
				return n.Apply(op, slices.Repeat([]*graph.Value{n.v("x")}, operands)...)
			}}
		s.arrays = append(s.arrays, x)
		list = append(list, c)
	}
	add(&stream{seed: 1}, "sdpa", in("x", normal(1), 1, 4, 8, 16), graph.SDPA{Scale: 0.25}, 3)
	norms := &stream{seed: 2}
	for _, axis := range []int{3, 2} { // width, then height
		for _, shape := range [][]int{{1, 3, 4, 8}, {1, 4, 2, 16}} {
			add(norms, fmt.Sprintf("minmax_norm_axis%d_%d", axis, shape[3]), in("x", normal(1), shape...), graph.MinMaxNorm{Axis: axis, Eps: 1e-4}, 1)
		}
	}
	flat := append(repeated(3, 4), repeated(1, 12)...) // every row is constant
	add(&stream{}, "minmax_norm_degenerate", fixed("x", flat, 1, 2, 2, 4), graph.MinMaxNorm{Axis: 3, Eps: 1e-4}, 1)
	add(&stream{seed: 3}, "flatten", in("x", normal(1), 2, 3, 5), graph.Flatten{}, 1)
	list[len(list)-1].Exact = true
	lrns := &stream{seed: 4}
	for _, shape := range [][]int{{1, 3, 4, 8}, {1, 8, 2, 6}, {1, 12, 3, 5}} {
		for _, op := range []graph.LRN{{Alpha: 1, Beta: 0.75, K: 1}, {Alpha: 1e-4, Beta: 0.5, K: 2}} {
			add(lrns, fmt.Sprintf("lrn_C%d_alpha%g", shape[1], op.Alpha), in("x", normal(1), shape...), op, 1)
		}
	}
	return list
}

// RouteGate compares both routes of every comparison on an engine. The bridge
// side is the reference's meaning of the unchanged graph: the optimizer never
// sees it, and no silicon route builds native layers. The engine is held to it
// twice, with the graph as it stands and with every flippable node decomposed.
func RouteGate(t *testing.T, compute Computer) {
	t.Helper()
	for _, c := range Routes() {
		t.Run(c.Name, func(t *testing.T) {
			g, err := c.Graph(FP16)
			if err != nil {
				t.Fatal(err)
			}
			fused, err := route.Optimize(g)
			if err != nil {
				t.Fatal(err)
			}
			if left := bridgeNodes(g); len(left) != 1 {
				t.Fatalf("the bridge side holds %v, want its one bridge operation", left)
			}
			if left := bridgeNodes(fused); len(left) != 0 {
				t.Fatalf("the fused side still holds %v", left)
			}
			bridge, err := c.Reference()
			if err != nil {
				t.Fatal(err)
			}
			for _, side := range []struct {
				name string
				g    *graph.Graph
			}{{"as it stands", g}, {"decomposed", fused}} {
				got, err := compute(side.g, c.Inputs())
				if err != nil {
					t.Errorf("%s: %v", side.name, err)
					continue
				}
				if err := c.agree(got, bridge); err != nil {
					t.Errorf("%s: %v", side.name, err)
				}
			}
		})
	}
}

// agree holds one side to the bridge's meaning by the gate's rule.
func (c *Case) agree(got []float32, bridge []float64) error {
	if len(got) != len(bridge) {
		return fmt.Errorf("%d values, want %d", len(got), len(bridge))
	}
	if c.Exact && !exact(got, bridge).OK {
		return fmt.Errorf("values differ, want equality")
	}
	if r := reference.RelMax(got, bridge); !(r <= RouteLimit) { // a NaN fails
		return fmt.Errorf("relerr %.3g, want at most %g", r, RouteLimit)
	}
	return nil
}

// bridgeNodes names the bridge operations of a graph.
func bridgeNodes(g *graph.Graph) (names []string) {
	for _, n := range g.Nodes {
		if e, ok := registry.Find(n.Op.Name()); ok && e.Status == registry.Bridge {
			names = append(names, strings.Join([]string{n.Name, e.Name}, " "))
		}
	}
	return names
}
