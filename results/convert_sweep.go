package results

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// sweep is a published sweep: how its file is recognised, and both ways.
type sweep struct {
	bench string
	mark  []string // keys of the file, outermost first, that no other file has
	from  func(f *File, data []byte) error
	back  func(f *File) (any, error)
}

// sweeps lists the published sweeps E02 to E06.
func sweeps() []*sweep {
	return []*sweep{
		{SaturationBench, []string{"gemm"}, fromSaturation, backSaturation},
		{BandwidthBench, []string{"results", "roofline"}, fromBandwidth, backBandwidth},
		{ServingBench, []string{"results", "_summary"}, fromServing, backServing},
		{GEMVBench, []string{"square_sweep"}, fromGEMV, backGEMV},
		{RooflineBench, []string{"gap_measurements"}, fromGaps, backGaps},
	}
}

// sweepOf recognises the file of a sweep; nil for anything else.
func sweepOf(data []byte) *sweep {
	for _, s := range sweeps() {
		inner, found := json.RawMessage(data), true
		for _, key := range s.mark {
			var object map[string]json.RawMessage
			if found = found && json.Unmarshal(inner, &object) == nil; found {
				inner, found = object[key]
			}
		}
		if found {
			return s
		}
	}
	return nil
}

func sweepNamed(bench string) *sweep {
	for _, s := range sweeps() {
		if s.bench == bench {
			return s
		}
	}
	return nil
}

// prefix marks the facts of a sweep in a file that also holds others.
func prefix(bench string) string { return strings.ToLower(bench) + "-" }

// convert fills f from data and checks that nothing was lost.
func (s *sweep) convert(f *File, data []byte) error {
	if err := s.from(f, data); err != nil {
		return fmt.Errorf("results: %s: %w", f.Name, err)
	}
	var text bytes.Buffer
	if err := f.Encode(&text); err != nil {
		return fmt.Errorf("results: %s: %w", f.Name, err)
	}
	read, err := parse(text.Bytes(), f.Name)
	if err != nil {
		return err
	}
	back, err := ToPaper(read, s.bench)
	if err != nil {
		return err
	}
	var got, want any
	if err := json.Unmarshal(back, &got); err != nil {
		return err
	}
	if err := json.Unmarshal(data, &want); err != nil {
		return err
	}
	if s.bench == RooflineBench { // the rest follows from other files
		got, want = member(got, "gap_measurements"), member(want, "gap_measurements")
	}
	if place := difference(got, want, ""); place != "" {
		return fmt.Errorf("results: %s: conversion would change %s; not converted", f.Name, place)
	}
	return nil
}

func member(v any, key string) any {
	object, _ := v.(map[string]any)
	return object[key]
}

// derivedTolerance is the relative difference that a derived figure may show
// when it is computed again: some ulps.
const derivedTolerance = 1e-12

// difference is the first place where two decoded JSON values differ; empty
// for none. null, absent and an empty list are one.
func difference(got, want any, path string) string {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return path
		}
		for k := range w {
			if place := difference(g[k], w[k], path+"."+k); place != "" {
				return place
			}
		}
		for k := range g {
			if _, ok := w[k]; !ok && g[k] != nil {
				return path + "." + k
			}
		}
	case []any:
		g, ok := got.([]any)
		if len(w) == 0 && got == nil {
			return ""
		}
		if !ok || len(g) != len(w) {
			return path
		}
		for i := range w {
			if place := difference(g[i], w[i], path+"["+strconv.Itoa(i)+"]"); place != "" {
				return place
			}
		}
	case float64:
		g, ok := got.(float64)
		if !ok || math.Abs(g-w) > derivedTolerance*math.Abs(w) {
			return path
		}
	default:
		if got != want {
			return path
		}
	}
	return ""
}

// paperArm is one device of the sweeps E02 and E06 and of the gaps E05.
type paperArm struct {
	DType  string       `json:"dtype"`
	LatMS  json.Number  `json:"lat_ms,omitempty"`
	GFLOPS json.Number  `json:"gflops,omitempty"`
	RelErr json.Number  `json:"relerr,omitempty"`
	Note   string       `json:"note,omitempty"`
	Power  *paperEnergy `json:"power,omitempty"` // E02

	// E06
	GBps         json.Number `json:"eff_GBps,omitempty"`
	GEMVGFLOPS   json.Number `json:"GFLOPs,omitempty"`
	PkgActive    json.Number `json:"active_pkg_W,omitempty"`
	CV           json.Number `json:"pkg_cv_pct,omitempty"`
	ANEActive    json.Number `json:"ane_active_mW,omitempty"`
	EnergyIterMS json.Number `json:"energy_iter_ms,omitempty"`
	GBpsPerW     json.Number `json:"eff_GBps_per_W,omitempty"`
	Flags        *[]string   `json:"flags,omitempty"`

	// the fused block of E05
	Config     json.RawMessage `json:"config,omitempty"`
	FusedFLOPs *float64        `json:"fused_flops,omitempty"`
	AIOneConv  *float64        `json:"ai_one_conv_standalone,omitempty"`
	AIFused    *float64        `json:"ai_fused_est,omitempty"`
	AIThree    *float64        `json:"ai_3conv_standalone_est,omitempty"`
}

// armField pairs a field of paperArm with a unit, as energyFields does.
type armField struct {
	number func(*paperArm) *json.Number
	unit   string
	scale  int
}

// rateFields are those of E02 and E05, weightFields those of E06.
var (
	rateFields = []armField{
		{func(a *paperArm) *json.Number { return &a.LatMS }, MinNsPerOp, 6},
		{func(a *paperArm) *json.Number { return &a.GFLOPS }, PeakGFLOPS, 0},
		{func(a *paperArm) *json.Number { return &a.RelErr }, RelErrPPM, 6},
	}
	weightFields = []armField{
		{func(a *paperArm) *json.Number { return &a.LatMS }, MinNsPerOp, 6},
		{func(a *paperArm) *json.Number { return &a.GEMVGFLOPS }, PeakGFLOPS, 0},
		{func(a *paperArm) *json.Number { return &a.GBps }, PeakGBps, 0},
		{func(a *paperArm) *json.Number { return &a.RelErr }, RelErrPPM, 6},
		{func(a *paperArm) *json.Number { return &a.PkgActive }, MW, 3},
		{func(a *paperArm) *json.Number { return &a.CV }, CVPercent, 0},
		{func(a *paperArm) *json.Number { return &a.ANEActive }, ANEMW, 0},
		{func(a *paperArm) *json.Number { return &a.EnergyIterMS }, NsPerOp, 6},
		{func(a *paperArm) *json.Number { return &a.GBpsPerW }, PeakGBpsPerW, 0},
	}
)

// take reads an arm's figures into a row.
func (r *Row) take(a *paperArm, fields []armField) error {
	r.DType, r.Note, r.Iters = a.DType, a.Note, 1
	for _, field := range fields {
		if err := r.scaled(*field.number(a), field.scale, field.unit); err != nil {
			return err
		}
	}
	if a.Flags != nil {
		r.Flags = *a.Flags
	}
	return nil
}

// arm is the way back of take.
func (r *Row) arm(fields []armField) (*paperArm, error) {
	a := &paperArm{DType: r.DType, Note: r.Note}
	for _, field := range fields {
		if err := r.unscaled(field.unit, field.scale, field.number(a)); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// errNull: a null stands where a record should.
var errNull = errors.New("null instead of a record")

// sweepDevices is the order of the devices' rows.
var sweepDevices = []string{CPU, GPU, ANE}

// rowsOf lists the rows of a benchmark.
func (f *File) rowsOf(bench string) []*Row {
	var rows []*Row
	for i := range f.Rows {
		if f.Rows[i].Bench == bench {
			rows = append(rows, &f.Rows[i])
		}
	}
	return rows
}

// extra is a further key of the row as a number; 0 without one.
func (r *Row) extra(key string) int {
	n, _ := strconv.Atoi((&Arm{Extra: r.Extra}).Key(key))
	return n
}

// eachDevice calls do for the devices of a published record in our order, and
// fails for one that is not known.
func eachDevice(devices map[string]*paperArm, do func(device string, a *paperArm) error) error {
	for name := range devices {
		if !slices.Contains(sweepDevices, name) {
			return fmt.Errorf("unknown device %q", name)
		}
	}
	for _, device := range sweepDevices {
		a, ok := devices[device]
		if !ok {
			continue
		}
		if a == nil {
			return fmt.Errorf("%s: %w", device, errNull)
		}
		if err := do(device, a); err != nil {
			return fmt.Errorf("%s: %w", device, err)
		}
	}
	return nil
}
