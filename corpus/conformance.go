package corpus

import (
	"slices"
	"strings"
	"testing"

	"devicemap/device"
)

// Settings describe what is known of one engine. The zero value expects
// everything to pass.
type Settings struct {
	// XFail gives, by case name, why the engine is expected to fail a case. A
	// case that passes nevertheless is red.
	XFail map[string]string
	// Skip gives a reason to leave a case out, or "".
	Skip func(c *Case) string
}

// Run holds e to the whole corpus, one subtest a variant, and to the contract
// of device.Program. An engine's external test package calls it in one line.
func Run(t *testing.T, e device.Engine) {
	t.Helper()
	New(NumPy1).Run(t, e, Settings{})
	t.Run("contract", func(t *testing.T) { Contract(t, e) })
}

// limitDTypes are the arithmetics that the limits are made for.
var limitDTypes = []device.DType{device.FP32, device.FP16}

// Run is the gate over this corpus in each arithmetic of e. It returns what was
// computed.
func (c *Corpus) Run(t *testing.T, e device.Engine, s Settings) Report {
	t.Helper()
	var all Report
	for _, d := range e.Info().DTypes {
		if !slices.Contains(limitDTypes, d) {
			t.Logf("%s %s: the corpus has no limits for this arithmetic", e.Info().Name, d)
			continue
		}
		t.Run(string(d), func(t *testing.T) {
			all = append(all, c.Gate(t, OnEngine(e, d), s)...)
		})
	}
	return all
}

// Gate runs every variant of every case as a subtest and logs the summary.
func (c *Corpus) Gate(t *testing.T, compute Computer, s Settings) Report {
	t.Helper()
	var report Report
	for _, k := range c.All() {
		for _, v := range k.Variants() {
			name := strings.Join([]string{k.Category, k.Name, string(v), k.opsLabel()}, "/")
			t.Run(name, func(t *testing.T) {
				if s.Skip != nil {
					if reason := s.Skip(k); reason != "" {
						t.Skip(reason)
					}
				}
				r := k.Result(compute, v, s.XFail[k.Name])
				report = append(report, r)
				if !r.Status.Green() {
					t.Errorf("%s: %s, limit %g: %s %s", r.Status, r.Metric, r.Metric.Limit, r.Reason, r.Trace)
				}
			})
		}
	}
	if testing.Verbose() {
		var b strings.Builder
		if err := report.WriteSummary(&b); err != nil {
			t.Error(err)
		}
		t.Logf("%s\n%s", Banner(c.All()), b.String())
	}
	return report
}

// opsLabel names the case's operations for the subtest's name; a graph that
// cannot be built is reported by the subtest itself.
func (c *Case) opsLabel() string {
	ops, err := c.Ops()
	if err != nil {
		return "unbuildable"
	}
	return strings.Join(ops, ",")
}
