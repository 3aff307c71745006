package results

import (
	"fmt"
	"slices"
	"strconv"
)

// paperSaturation is the published file of the saturation sweep (E02).
type paperSaturation struct {
	GEMM  []*paperSize                    `json:"gemm"`
	Conv  []*paperSize                    `json:"conv"`
	Peaks map[string]map[string]paperPeak `json:"peaks"`
	Meta  struct {
		paperProtocol
		GEMMSizes   []int    `json:"gemm_ns"`
		ConvConfigs [][2]int `json:"conv_configs"`
		ConvSpatial int      `json:"conv_spatial"`
	} `json:"meta"`
}

// paperSize is one size of a sweep.
type paperSize struct {
	N       int                  `json:"N,omitempty"`
	C       int                  `json:"C,omitempty"`
	B       int                  `json:"B,omitempty"`
	HxW     string               `json:"HxW,omitempty"`
	GFLOP   float64              `json:"gflop"`
	Devices map[string]*paperArm `json:"devices"`
}

type paperPeak struct {
	GFLOPS    float64  `json:"peak_gflops"`
	Size      int      `json:"peak_gflops_size"`
	RelErr    float64  `json:"peak_gflops_relerr"`
	PerWatt   *float64 `json:"peak_perf_per_W,omitempty"`
	PerWattAt *int     `json:"peak_perf_per_W_size,omitempty"`
}

func fromSaturation(f *File, data []byte) error {
	var p paperSaturation
	if err := decodePaper(data, f.Name, &p); err != nil {
		return err
	}
	f.Facts = append(f.Facts, p.Meta.facts(prefix(SaturationBench))...)
	if slices.Contains(append(p.GEMM, p.Conv...), nil) {
		return errNull
	}
	for _, s := range p.GEMM {
		if err := f.addSize(s, GEMM, KeyValue{"N", strconv.Itoa(s.N)}); err != nil {
			return fmt.Errorf("gemm N=%d: %w", s.N, err)
		}
	}
	for _, s := range p.Conv {
		if err := f.addSize(s, Conv3x3, KeyValue{"C", strconv.Itoa(s.C)}, KeyValue{"B", strconv.Itoa(s.B)}); err != nil {
			return fmt.Errorf("conv C=%d B=%d: %w", s.C, s.B, err)
		}
	}
	return nil
}

// addSize takes over one size of the saturation sweep.
func (f *File) addSize(s *paperSize, workload string, keys ...KeyValue) error {
	return eachDevice(s.Devices, func(device string, a *paperArm) error {
		r := Row{Bench: SaturationBench, Workload: workload, Device: device, Extra: keys}
		if err := r.take(a, rateFields); err != nil {
			return err
		}
		if a.Power != nil {
			a.Power.PerfUnit = GFLOPSPerW // not written in this file
			if err := r.fromEnergy(*a.Power); err != nil {
				return err
			}
		}
		f.Rows = append(f.Rows, r)
		return nil
	})
}

func backSaturation(f *File) (any, error) {
	p := &paperSaturation{Peaks: map[string]map[string]paperPeak{}}
	if err := p.Meta.take(f, prefix(SaturationBench)); err != nil {
		return nil, err
	}
	p.Meta.ConvSpatial = 64
	for _, r := range f.rowsOf(SaturationBench) {
		s, err := p.size(r)
		if err != nil {
			return nil, fmt.Errorf("results: %s: line %d: %w", f.Name, r.Line, err)
		}
		if s.Devices[r.Device], err = r.saturationArm(); err != nil {
			return nil, fmt.Errorf("results: %s: line %d: %w", f.Name, r.Line, err)
		}
	}
	for _, s := range p.GEMM {
		p.Meta.GEMMSizes = append(p.Meta.GEMMSizes, s.N)
	}
	for _, s := range p.Conv {
		p.Meta.ConvConfigs = append(p.Meta.ConvConfigs, [2]int{s.C, s.B})
	}
	p.Peaks["gemm"], p.Peaks["conv"] = map[string]paperPeak{}, map[string]paperPeak{}
	for _, c := range f.Ceilings() {
		p.peak("gemm", c.Device, c.GEMM, c.GEMMPerWatt, "N")
		p.peak("conv", c.Device, c.Conv, c.ConvPerWatt, "C")
	}
	return p, nil
}

// size finds or adds the size that a row belongs to.
func (p *paperSaturation) size(r *Row) (*paperSize, error) {
	list, w := &p.GEMM, Work{}
	s := &paperSize{N: r.extra("N"), C: r.extra("C"), B: r.extra("B"), Devices: map[string]*paperArm{}}
	switch r.Workload {
	case GEMM:
		w = matmulWork(s.N)
	case Conv3x3:
		list, w, s.HxW = &p.Conv, convWork(s.C, s.B), "64x64"
	default:
		return nil, fmt.Errorf("workload %q is not one of the saturation sweep", r.Workload)
	}
	at := slices.IndexFunc(*list, func(o *paperSize) bool { return o.N == s.N && o.C == s.C && o.B == s.B })
	if at >= 0 {
		return (*list)[at], nil
	}
	s.GFLOP = w.FLOPs / 1e9
	*list = append(*list, s)
	return s, nil
}

// peak adds the peaks of one device.
func (p *paperSaturation) peak(primitive, device string, rate, perWatt Peak, key string) {
	if rate.At == nil {
		return
	}
	ppm, _ := rate.At.Median(RelErrPPM)
	peak := paperPeak{GFLOPS: rate.Value, Size: rate.size(key), RelErr: ppm / 1e6}
	if perWatt.At != nil {
		size := perWatt.size(key)
		peak.PerWatt, peak.PerWattAt = &perWatt.Value, &size
	}
	p.Peaks[primitive][device] = peak
}

func (r *Row) saturationArm() (*paperArm, error) {
	a, err := r.arm(rateFields)
	if err != nil {
		return nil, err
	}
	if _, ok := r.metric(NsPerOp); !ok {
		return a, nil
	}
	e, err := r.toEnergy()
	if err != nil {
		return nil, err
	}
	e.Iters, e.PerfUnit = "", "" // not written in this file
	a.Power = &e
	return a, nil
}
