package corpus

import (
	"fmt"
	"math"
	"strconv"

	"devicemap/internal/reference"
)

// MetricKind says what a Metric measures.
type MetricKind string

// The metrics.
const (
	RelErr    MetricKind = "relerr"
	AbsErr    MetricKind = "abserr"
	Exact     MetricKind = "exact"     // Value is 1 where all elements are equal
	Length    MetricKind = "shape"     // the result has another size than the reference
	Exception MetricKind = "exception" // nothing was compared
	Published MetricKind = "close"     // the coverage suite: largest absolute error
	Finite    MetricKind = "finite"    // Value is 1 where all elements are finite
)

// Metric is the outcome of one comparison.
type Metric struct {
	Kind  MetricKind
	Value float64
	Limit float64
	OK    bool
	note  string
}

func (m Metric) String() string {
	switch m.Kind {
	case Exact, Finite:
		return fmt.Sprintf("%s %t", m.Kind, m.Value == 1)
	case Length:
		return string(m.Kind) + " " + m.note
	case Exception:
		return string(m.Kind)
	}
	return fmt.Sprintf("%s %.5g", m.Kind, m.Value)
}

// Compare holds a result to its reference by the case's rule: length, then
// equality, then absolute error, then relerr. Limits are strict, and a NaN on
// either side fails.
func (c *Case) Compare(got []float32, ref []float64, v Variant) Metric {
	switch {
	case len(got) != len(ref):
		return Metric{Kind: Length, note: fmt.Sprintf("%d values, want %d", len(got), len(ref))}
	case c.accept != nil:
		return c.accept(got, ref)
	case c.Exact:
		return exact(got, ref)
	case c.AbsErr != 0:
		e := maxAbs(got, ref)
		return Metric{Kind: AbsErr, Value: e, Limit: c.AbsErr, OK: e < c.AbsErr}
	}
	e, limit := reference.RelMax(got, ref), c.Limit(v)
	return Metric{Kind: RelErr, Value: e, Limit: limit, OK: e < limit}
}

func exact(got []float32, ref []float64) Metric {
	for i, r := range ref {
		if got[i] != float32(r) { // a NaN equals nothing
			return Metric{Kind: Exact}
		}
	}
	return Metric{Kind: Exact, Value: 1, OK: true}
}

func maxAbs(got []float32, ref []float64) float64 {
	var e float64
	for i, r := range ref {
		e = max(e, math.Abs(float64(got[i])-r)) // max keeps a NaN
	}
	return e
}

func allFinite(got []float32) bool {
	for _, g := range got {
		if math.IsNaN(float64(g)) || math.IsInf(float64(g), 0) {
			return false
		}
	}
	return true
}

func finiteOnly(got []float32, _ []float64) Metric {
	if !allFinite(got) {
		return Metric{Kind: Finite}
	}
	return Metric{Kind: Finite, Value: 1, OK: true}
}

// closeOrAligned is the coverage suite's rule: finite, and every element
// within 0.05 + 1e−5·|ref| or the cosine similarity above 0.99.
func closeOrAligned(got []float32, ref []float64) Metric {
	m := closeOrAlignedAny(got, ref)
	m.OK = m.OK && allFinite(got)
	return m
}

func closeOrAlignedAny(got []float32, ref []float64) Metric {
	near := true
	var dot, gg, rr float64
	for i, r := range ref {
		g := float64(got[i])
		near = near && math.Abs(g-r) <= 0.05+1e-5*math.Abs(r)
		dot, gg, rr = dot+g*r, gg+g*g, rr+r*r
	}
	aligned := dot/(math.Sqrt(gg)*math.Sqrt(rr)+1e-12) > 0.99
	return Metric{Kind: Published, Value: maxAbs(got, ref), Limit: 0.05, OK: near || aligned}
}

// Status is the outcome of a variant.
type Status string

// The statuses. PASS and XFAIL are green, the others red: an expected failure
// that passes means that its marker is stale.
const (
	PASS  Status = "PASS"
	FAIL  Status = "FAIL"
	XFAIL Status = "XFAIL"
	XPASS Status = "XPASS"
	ERROR Status = "ERROR"
)

// Green reports whether the gate stays open.
func (s Status) Green() bool { return s == PASS || s == XFAIL }

// Result is the record of one variant.
type Result struct {
	Case, Category string
	Variant        Variant
	Metric         Metric
	Status         Status
	Reason         string // of an expected failure, or the error
	Trace          string // of a panic
}

// judge gives a comparison its status.
func (r *Result) judge(xfail, mayFail string) {
	switch {
	case r.Metric.Kind == Exception && xfail != "":
		r.Status, r.Reason = XFAIL, xfail+": "+r.Reason
	case r.Metric.Kind == Exception:
		r.Status = ERROR
	case r.Metric.OK && xfail != "":
		r.Status, r.Reason = XPASS, xfail
	case r.Metric.OK:
		r.Status = PASS
	case xfail != "":
		r.Status, r.Reason = XFAIL, xfail
	case mayFail != "":
		r.Status, r.Reason = XFAIL, mayFail
	default:
		r.Status = FAIL
	}
}

// asPrinted is a value rounded to the five digits of the table, which the
// summary aggregates.
func asPrinted(v float64) float64 {
	p, err := strconv.ParseFloat(fmt.Sprintf("%.5g", v), 64)
	if err != nil {
		panic("corpus: a formatted number does not parse: " + err.Error())
	}
	return p
}
