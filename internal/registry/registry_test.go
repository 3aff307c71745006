package registry_test

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/internal/graph"
	"devicemap/internal/registry"
)

// census is the published document.
type census struct {
	Summary map[string]int
	Entries []struct {
		Name, Status, Verified, Evidence string
		Wall, Probe                      *string
		AliasOf                          *string `json:"alias_of"`
		RouteClass                       string  `json:"route_class"`
		AltLoss                          string  `json:"alt_loss"`
	}
}

func published(t *testing.T) census {
	t.Helper()
	text, err := os.ReadFile("testdata/published.json")
	require.NoError(t, err)
	var c census
	require.NoError(t, json.Unmarshal(text, &c))
	return c
}

// TestDifferencesAreListed holds every entry to the published census, and
// every listed difference to a real one.
func TestDifferencesAreListed(t *testing.T) {
	listed := map[[2]string]registry.Difference{}
	for _, d := range registry.Differences() {
		if d.Reason == "" || listed[[2]string{d.Name, d.Field}].Name != "" {
			t.Errorf("difference %s %s: no reason, or listed twice", d.Name, d.Field)
		}
		listed[[2]string{d.Name, d.Field}] = d
	}
	used := map[[2]string]bool{}
	c := published(t)
	if len(c.Entries) != 225 || len(registry.Entries()) != 225 {
		t.Errorf("%d entries, published %d, want 225", len(registry.Entries()), len(c.Entries))
	}
	for _, p := range c.Entries {
		e, ok := registry.Find(p.Name)
		if !ok {
			t.Errorf("%s is missing", p.Name)
			continue
		}
		differs := func(field, was, is string) {
			key := [2]string{p.Name, field}
			d, ok := listed[key]
			used[key] = true
			if !ok || d.Published != was || d.Here != is {
				t.Errorf("%s: %s is %q, published %q: not among the differences", p.Name, field, is, was)
			}
		}
		if string(e.Status) != p.Status {
			differs("status", p.Status, string(e.Status))
		}
		if e.Verified != p.Verified {
			differs("verified", p.Verified, e.Verified)
		}
		if bridge := e.Status == registry.Bridge; bridge && (string(e.Class) != p.RouteClass || e.Loss != p.AltLoss) {
			t.Errorf("%s: route %s %s, published %s %s", p.Name, e.Class, e.Loss, p.RouteClass, p.AltLoss)
		}
		if probe := value(p.Probe); e.Probe != probe {
			t.Errorf("%s: probe %q, published %q", p.Name, e.Probe, probe)
		}
		if (e.AliasOf != "") != (p.AliasOf != nil) {
			t.Errorf("%s: alias %q, published %q", p.Name, e.AliasOf, value(p.AliasOf))
		}
		if want := sweepError(t, p.Evidence); e.RelErr != want {
			t.Errorf("%s: relerr %g, published %g", p.Name, e.RelErr, want)
		}
		if (e.Wall != "") != (p.Wall != nil) && listed[[2]string{p.Name, "wall"}].Reason == "" {
			t.Errorf("%s: wall %q, published %q", p.Name, e.Wall, value(p.Wall))
		}
	}
	for key := range listed {
		if entryField := key[1] == "status" || key[1] == "verified"; entryField && !used[key] {
			t.Errorf("listed difference %v is none", key)
		}
	}
}

// sweepError is the relative error in a published evidence, or -1.
func sweepError(t *testing.T, evidence string) float64 {
	t.Helper()
	_, text, ok := strings.Cut(evidence, "relerr=")
	if !ok {
		return -1
	}
	var v float64
	_, err := fmt.Sscanf(text, "%g", &v)
	require.NoError(t, err)
	return v
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// TestPublishedSummary reconstructs the published counts from this table and
// its differences.
func TestPublishedSummary(t *testing.T) {
	counts := map[string]int{"cracked_count": registry.CrackedLayers()}
	changed := map[string]string{}
	for _, d := range registry.Differences() {
		if d.Field == "status" {
			changed[d.Name] = d.Published
		}
	}
	for _, e := range registry.Entries() {
		was, ok := changed[e.Name]
		if !ok {
			was = string(e.Status)
		}
		counts[was]++
		counts["total"]++
	}
	require.Equal(t, published(t).Summary, counts)
	want := map[string]int{"fused": 81, "bridge": 19, "cracked": 8, "reachable": 39, "arch-gated-negative": 64,
		"not-authorable": 13, "predicted": 1, "total": 225, "cracked_count": 26}
	require.Equal(t, want, counts)
}

// TestGraphAgrees: every operation of the graph has its entry, and no entry
// offers an operation that the graph lacks.
func TestGraphAgrees(t *testing.T) {
	ops := map[string]bool{}
	for _, op := range graph.Catalog() {
		ops[op.Name()] = true
	}
	entries := map[string][]string{}
	for _, e := range registry.Entries() {
		for _, op := range e.Ops {
			entries[op] = append(entries[op], e.Name)
			if !ops[op] {
				t.Errorf("%s offers %s, which the graph lacks", e.Name, op)
			}
		}
		offers := e.Status == registry.Fused || e.Status == registry.Bridge || (e.Status == registry.Negative && e.Offered())
		if offers != e.Offered() {
			t.Errorf("%s is %s and offers %v", e.Name, e.Status, e.Ops)
		}
		if (e.Status == registry.Negative || e.Status == registry.Bridge) && e.Offered() && e.Substitute == "" {
			t.Errorf("%s is offered although %s, without a substitute", e.Name, e.Status)
		}
	}
	for op := range ops {
		want := 1
		if op == "matmul" {
			want = 2 // with a weight: matmul; of two tensors: bmm
		}
		if len(entries[op]) != want {
			t.Errorf("%s: entries %v, want %d", op, entries[op], want)
		}
	}
}

// TestRoutes holds the route classes to the published rules.
func TestRoutes(t *testing.T) {
	if got, want := registry.Routes(registry.Selectable), []string{"flatten", "lrn", "minmax_norm", "sdpa"}; !slices.Equal(got, want) {
		t.Errorf("selectable = %v, want %v", got, want)
	}
	both := append(registry.Routes(registry.Selectable), registry.Routes(registry.Single)...)
	slices.Sort(both)
	if bridges := registry.Names(registry.Bridge); !slices.Equal(both, bridges) || len(both) != 19 {
		t.Errorf("selectable and single are %v, bridges %v, want the same 19", both, bridges)
	}
	for _, e := range registry.Entries() {
		switch {
		case e.Status != registry.Bridge && e.Status != registry.Fused:
			if e.Class != "" {
				t.Errorf("%s (%s) has a route class", e.Name, e.Status)
			}
		case e.Class == registry.Single && e.Reason == "":
			t.Errorf("%s is single-route without a reason", e.Name)
		case e.Class == registry.Selectable && (e.Alternative == "" || e.Loss != registry.Lossless || e.Evidence == ""):
			t.Errorf("%s: alternative %q, loss %q, evidence %q", e.Name, e.Alternative, e.Loss, e.Evidence)
		case e.Class == "":
			t.Errorf("%s has no route class", e.Name)
		}
	}
	for _, name := range []string{"space_to_channel", "channel_to_space", "space_to_batch", "batch_to_space"} {
		if e, _ := registry.Find(name); e.Class != registry.Single || !strings.Contains(strings.ToLower(e.Reason), "rank") {
			t.Errorf("%s: %s, %q; want single with the rank as its reason", name, e.Class, e.Reason)
		}
	}
}

func TestEntriesAreWellFormed(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range registry.Entries() {
		if seen[e.Name] {
			t.Errorf("%s is listed twice", e.Name)
		}
		seen[e.Name] = true
		walled := e.Status == registry.Negative || e.Status == registry.NotAuthorable
		if (e.Wall != "") != walled {
			t.Errorf("%s (%s): wall %q", e.Name, e.Status, e.Wall)
		}
		if !slices.Contains([]string{"silicon", "negative-confirmed", "no"}, e.Verified) {
			t.Errorf("%s: verified %q", e.Name, e.Verified)
		}
	}
	if !slices.IsSortedFunc(registry.Entries(), func(a, b registry.Entry) int {
		i, j := slices.Index(registry.Statuses(), a.Status), slices.Index(registry.Statuses(), b.Status)
		if i != j {
			return i - j
		}
		return strings.Compare(a.Name, b.Name)
	}) {
		t.Error("entries are not sorted by status and name")
	}
	if _, ok := registry.Find("no such entry"); ok {
		t.Error("an unknown name is found")
	}
}

// TestCatalog holds the vocabulary to its published counts.
func TestCatalog(t *testing.T) {
	patterns, groups, seen := map[string]int{}, map[string]int{}, map[string]bool{}
	for _, o := range registry.Catalog() {
		if seen[o.Name] {
			t.Errorf("%s is listed twice", o.Name)
		}
		seen[o.Name] = true
		patterns[fmt.Sprintf("%c%c%c%c", o.Support[0], o.Support[1], o.Support[2], o.Support[3])]++
		groups[o.Group]++
	}
	require.Len(t, seen, 187)
	require.Equal(t, map[string]int{"YYYY": 113, "NNNN": 35, "~~~~": 21, "NYYY": 5, "~YYY": 6, "~~YY": 7}, patterns)
	require.Equal(t, map[string]int{"activations": 27, "comparison and logical": 11, "control flow": 3,
		"conv, matmul, pooling": 17, "detection and sampling": 13, "elementwise": 15, "image": 12, "normalization": 5,
		"quantization": 11, "recurrent": 3, "reductions": 12, "special math": 14, "stateful": 6, "structural": 38}, groups)

	affine := registry.Catalog()[slices.IndexFunc(registry.Catalog(), func(o registry.Op) bool { return o.Name == "affine" })]
	for tier, want := range map[string]registry.Support{"A13": registry.Walled, "A14": registry.Native, "A16": registry.Native} {
		if got, ok := affine.On(tier); !ok || got != want {
			t.Errorf("affine on %s = %c, %t; want %c", tier, got, ok, want)
		}
	}
	if _, ok := affine.On("A12"); ok {
		t.Error("a tier without MIL has a column")
	}
}

// TestCatalogDisagrees lists where the vocabulary and the census differ: they
// answer different questions, and a new disagreement is a mistake in one.
func TestCatalogDisagrees(t *testing.T) {
	var native, walled []string
	for _, o := range registry.Catalog() {
		e, ok := registry.Find(o.Name)
		if !ok {
			continue
		}
		negative := e.Status == registry.Negative || e.Status == registry.NotAuthorable
		switch {
		case o.Support[3] == registry.Native && negative:
			native = append(native, o.Name)
		case o.Support[3] == registry.Walled && !negative:
			walled = append(walled, o.Name)
		}
	}
	slices.Sort(native)
	// The publication counts cast too; here its uint8 form is offered.
	require.Equal(t, strings.Fields(`argsort crop_resize cumsum gather gather_along_axis gather_nd identity random_uniform
		read_state reduce_argmax reduce_argmin reshape_like slice_update`), native)
	require.Equal(t, []string{"constexpr_cast"}, walled)
}

// TestDocument: the document carries every entry and says how it is made.
func TestDocument(t *testing.T) {
	text, err := registry.Document()
	require.NoError(t, err)
	var d struct {
		Schema, Generator string
		Summary           map[string]int
		Entries           []map[string]any
		Catalog           []map[string]any
		Differences       []map[string]any
		Routes            struct{ Counts [3]int }
	}
	require.NoError(t, json.Unmarshal(text, &d))
	require.Equal(t, [3]int{4, 15, 19}, d.Routes.Counts)
	require.Len(t, d.Entries, 225)
	require.Len(t, d.Catalog, 187)
	require.Len(t, d.Differences, len(registry.Differences()))
	for _, s := range registry.Statuses() {
		require.Equal(t, registry.Count(s), d.Summary[string(s)], s)
	}
	require.NotEmpty(t, d.Generator)
}
