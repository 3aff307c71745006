package corpus

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/internal/graph"
)

// identity is a case of one element, y = x.
func identity(value float32, edit func(c *Case)) *Case {
	c := &Case{Name: "probe", arrays: []*array{fixed("x", []float32{value}, 1)}, build: onX(graph.Reshape{Shape: graph.Shape{1}})}
	cases("test", &stream{}, []*Case{c})
	if edit != nil {
		edit(c)
	}
	return c
}

// answers is a computer that always gives v.
func answers(v ...float32) Computer {
	return func(*graph.Graph, [][]float32) ([]float32, error) { return v, nil }
}

func TestStatus(t *testing.T) {
	expected := func(c *Case) { c.XFail = "known" }
	may := func(c *Case) { c.MayFail = "older chips" }
	broken := func(*graph.Graph, [][]float32) ([]float32, error) { return nil, errors.New("driver lost") }
	panics := func(*graph.Graph, [][]float32) ([]float32, error) { panic("kernel bug") }
	badReference := func(c *Case) { c.meaning = func(n *net) *graph.Value { return n.Reshape(n.v("x"), 2) } }
	nan := float32(math.NaN())
	for _, tt := range []struct {
		name    string
		compute Computer
		edit    func(*Case)
		status  Status
		reason  string
	}{
		{"passes", answers(4), nil, PASS, ""},
		{"within the limit", answers(4.079), nil, PASS, ""},
		{"at the limit", answers(4.25), func(c *Case) { c.Tol = 0.25 / (4 + 1e-6) }, FAIL, ""},
		{"fails", answers(4.1), nil, FAIL, ""},
		{"NaN", answers(nan), nil, FAIL, ""},
		{"infinity", answers(float32(math.Inf(1))), nil, FAIL, ""},
		{"too long", answers(4, 4), nil, FAIL, ""},
		{"exact", answers(4), func(c *Case) { c.Exact = true }, PASS, ""},
		{"one bit off", answers(math.Nextafter32(4, 5)), func(c *Case) { c.Exact = true }, FAIL, ""},
		{"NaN is not exact", answers(nan), func(c *Case) { c.Exact = true }, FAIL, ""},
		{"absolute error", answers(4.4), func(c *Case) { c.AbsErr = 0.5 }, PASS, ""},
		{"at the absolute limit", answers(4.5), func(c *Case) { c.AbsErr = 0.5 }, FAIL, ""},
		{"exact precedes absolute", answers(4.4), func(c *Case) { c.AbsErr, c.Exact = 0.5, true }, FAIL, ""},
		{"error", broken, nil, ERROR, "driver lost"},
		{"panic", panics, nil, ERROR, "kernel bug"},
		{"no reference", answers(4), badReference, ERROR, "reference:"},
		{"expected failure", answers(9), expected, XFAIL, "known"},
		{"expected error", broken, expected, XFAIL, "known: driver lost"},
		{"stale marker", answers(4), expected, XPASS, "known"},
		{"may fail and does", answers(9), may, XFAIL, "older chips"},
		{"may fail and does not", answers(4), may, PASS, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := identity(4, tt.edit).Result(tt.compute, FP16, "")
			if r.Status != tt.status || !strings.HasPrefix(r.Reason, tt.reason) {
				t.Errorf("%s (%s), reason %q; want %s, %q", r.Status, r.Metric, r.Reason, tt.status, tt.reason)
			}
			if (r.Trace != "") != (tt.name == "panic") {
				t.Errorf("stack trace: %q", r.Trace)
			}
			if green := tt.status == PASS || tt.status == XFAIL; r.Status.Green() != green {
				t.Errorf("green = %t, want %t", r.Status.Green(), green)
			}
		})
	}
}

// TestReferenceIsTriedAgain: an error counts against one variant and is not
// kept.
func TestReferenceIsTriedAgain(t *testing.T) {
	c := identity(4, func(c *Case) { c.meaning = func(n *net) *graph.Value { return n.Reshape(n.v("x"), 2) } })
	if r := c.Result(answers(4), FP16, ""); r.Status != ERROR {
		t.Errorf("status %s, want ERROR", r.Status)
	}
	c.meaning = nil
	if r := c.Result(answers(4), FP16, ""); r.Status != PASS {
		t.Errorf("status %s after the repair, want PASS", r.Status)
	}
}

func TestCoverageRule(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, tt := range []struct {
		name     string
		got      []float32
		ref      []float64
		ok, any_ bool // finite asked for; not asked for
	}{
		{"close", []float32{1.04, 0}, []float64{1, 0}, true, true},
		{"aligned though far", []float32{10, 20}, []float64{1, 2}, true, true},
		{"far", []float32{1, -2}, []float64{1, 2}, false, false},
		{"infinite", []float32{inf, 1}, []float64{1, 1}, false, false},
		{"NaN", []float32{nan, 1}, []float64{1, 1}, false, false},
		{"zero against small", []float32{0}, []float64{0.04}, true, true},
	} {
		if m := closeOrAligned(tt.got, tt.ref); m.OK != tt.ok {
			t.Errorf("%s: %t, want %t", tt.name, m.OK, tt.ok)
		}
		if m := closeOrAlignedAny(tt.got, tt.ref); m.OK != tt.any_ {
			t.Errorf("%s, any: %t, want %t", tt.name, m.OK, tt.any_)
		}
	}
	if finiteOnly([]float32{1, inf}, nil).OK || finiteOnly([]float32{nan}, nil).OK || !finiteOnly([]float32{1e30}, nil).OK {
		t.Error("finiteOnly takes an infinity or a NaN, or refuses a number")
	}
}

func TestReport(t *testing.T) {
	rel := func(name, category string, v float64, s Status) Result {
		return Result{Case: name, Category: category, Variant: FP16, Status: s, Metric: Metric{Kind: RelErr, Value: v}}
	}
	r := Report{
		rel("a", "nn", 1.23456789e-3, PASS), rel("b", "nn", 0.5, FAIL), rel("c", "shape", 2e-5, PASS),
		{Case: "d", Category: "shape", Variant: Int8, Status: XFAIL, Reason: "known", Metric: Metric{Kind: Exact}},
		{Case: "e", Category: "shape", Variant: FP16, Status: ERROR, Reason: "lost", Trace: "line 1\nline 2", Metric: Metric{Kind: Exception}},
	}
	var table, summary strings.Builder
	require.NoError(t, r.WriteTable(&table))
	require.NoError(t, r.WriteSummary(&summary))
	wantTable := "" +
		"a                                    fp16  PASS   relerr 0.0012346\n" +
		"b                                    fp16  FAIL   relerr 0.5\n" +
		"c                                    fp16  PASS   relerr 2e-05\n" +
		"d                                    int8  XFAIL  exact false [known]\n" +
		"e                                    fp16  ERROR  exception [lost]\n    line 1\n    line 2\n"
	if table.String() != wantTable {
		t.Errorf("table:\n%s\nwant:\n%s", table.String(), wantTable)
	}
	wantSummary := strings.Repeat("=", 78) + "\n" +
		"variants run 5   PASS 2   XFAIL 1   FAIL 1   ERROR 1   XPASS 0\n" +
		"relerr of 3 variants: min 2.00e-05, median 1.23e-03, max 5.00e-01\n" +
		"  worst of nn               5.00e-01 (2 variants)\n" +
		"  worst of shape            2.00e-05 (1 variants)\n" +
		"gate RED (3/5 green, 2 red)\n"
	if summary.String() != wantSummary {
		t.Errorf("summary:\n%s\nwant:\n%s", summary.String(), wantSummary)
	}
	if r.Green() || len(r.Red()) != 2 || !r[:1].Green() {
		t.Errorf("green %t, red %v", r.Green(), r.Red())
	}
}
