package results

import (
	"fmt"
	"math"
	"strconv"
)

// paperGEMV is the published file of the weight-stream bandwidth (E06).
type paperGEMV struct {
	paperProtocol
	Square  []*paperProduct   `json:"square_sweep"`
	Rect    []*paperProduct   `json:"rect_sweep"`
	Verdict *paperGEMVVerdict `json:"verdict,omitempty"`
	Method  string            `json:"method"`
}

type paperProduct struct {
	K        int                  `json:"K"`
	N        int                  `json:"N"`
	WeightMB float64              `json:"weight_MB"`
	Bytes    float64              `json:"eff_bytes"`
	Devices  map[string]*paperArm `json:"devices"`
}

// paperGEMVVerdict is rounded to one decimal as published.
type paperGEMVVerdict struct {
	All        map[string]float64 `json:"ane_bw_all_GBps"`
	Max        float64            `json:"ane_bw_max_GBps"`
	TailMedian float64            `json:"ane_bw_tail_median_GBps"`
	TailCV     float64            `json:"ane_bw_tail_cv_pct"`
	Claim      float64            `json:"paper_claim_GBps"`
	Deviation  float64            `json:"tail_vs_112_pct"`
}

// methodFact keeps the file's own description.
const methodFact = "method"

func fromGEMV(f *File, data []byte) error {
	var p paperGEMV
	if err := decodePaper(data, f.Name, &p); err != nil {
		return err
	}
	f.Facts = append(f.Facts, p.facts(prefix(GEMVBench))...)
	f.Facts = append(f.Facts, Fact{prefix(GEMVBench) + methodFact, p.Method})
	for _, s := range append(p.Square, p.Rect...) {
		if s == nil {
			return errNull
		}
		err := eachDevice(s.Devices, func(device string, a *paperArm) error {
			r := Row{Bench: GEMVBench, Device: device, Extra: []KeyValue{{"K", strconv.Itoa(s.K)}, {"N", strconv.Itoa(s.N)}}}
			if err := r.take(a, weightFields); err != nil {
				return err
			}
			f.Rows = append(f.Rows, r)
			return nil
		})
		if err != nil {
			return fmt.Errorf("product K=%d N=%d: %w", s.K, s.N, err)
		}
	}
	return nil
}

func backGEMV(f *File) (any, error) {
	p := &paperGEMV{}
	if err := p.take(f, prefix(GEMVBench)); err != nil {
		return nil, err
	}
	p.Method, _ = f.Fact(prefix(GEMVBench) + methodFact)
	for _, r := range f.rowsOf(GEMVBench) {
		a, err := r.arm(weightFields)
		if err != nil {
			return nil, fmt.Errorf("results: %s: line %d: %w", f.Name, r.Line, err)
		}
		if _, ok := r.metric(NsPerOp); ok {
			flags := append([]string{}, r.Flags...)
			a.Flags = &flags
		}
		p.product(r.extra("K"), r.extra("N")).Devices[r.Device] = a
	}
	if w, ok := f.WeightPath(ANE); ok {
		p.Verdict = w.published()
	}
	return p, nil
}

// product finds or adds a point; weights and bytes are those of fp16.
func (p *paperGEMV) product(k, n int) *paperProduct {
	list := &p.Square
	if k != n {
		list = &p.Rect
	}
	for _, s := range *list {
		if s.K == k && s.N == n {
			return s
		}
	}
	s := &paperProduct{
		K: k, N: n, WeightMB: 2 * float64(k) * float64(n) / 1e6, Bytes: GEMVBytes(k, n, 2),
		Devices: map[string]*paperArm{},
	}
	*list = append(*list, s)
	return s
}

func (w *WeightPath) published() *paperGEMVVerdict {
	v := &paperGEMVVerdict{All: map[string]float64{}, Claim: WeightPathGBps}
	for _, a := range w.Points {
		gbps, _ := a.Median(PeakGBps)
		v.All[a.Key("K")] = oneDecimal(gbps)
	}
	v.Max, v.TailMedian = oneDecimal(w.Max.Value), oneDecimal(w.TailMedian)
	v.TailCV = oneDecimal(100 * w.TailCV)
	v.Deviation = oneDecimal(100 * math.Abs(v.TailMedian-v.Claim) / v.Claim) // of the rounded median
	return v
}

func oneDecimal(v float64) float64 { return math.Round(10*v) / 10 }
