package reference

import (
	"math"

	"devicemap/internal/graph"
)

func minMaxNorm(op graph.MinMaxNorm, in []tensor, _ graph.Shape) []float64 {
	return alongLines(in[0], op.Axis, func(x, y []float64) {
		lo, hi := x[0], x[0]
		for _, v := range x {
			lo, hi = min(lo, v), max(hi, v)
		}
		for i, v := range x {
			y[i] = (v - lo) / (hi - lo + op.Eps)
		}
	})
}

// lrn has the window of all C channels, which its ends cut.
func lrn(op graph.LRN, in []tensor, out graph.Shape) []float64 {
	return acrossChannels(in[0], out[1], op.Alpha, op.Beta, op.K)
}

func crossProduct(_ graph.CrossProduct, in []tensor, _ graph.Shape) []float64 {
	a, b := in[0].floats(), in[1].floats()
	return []float64{a[1]*b[2] - a[2]*b[1], a[2]*b[0] - a[0]*b[2], a[0]*b[1] - a[1]*b[0]}
}

func crossCorrelation(_ graph.CrossCorrelation, in []tensor, out graph.Shape) []float64 {
	x, t := in[0], in[1]
	y := make([]float64, out.Elems())
	walk(out, func(i int, at []int) {
		walk(t.shape, func(k int, uv []int) {
			y[i] += x.at((at[0]+uv[0])*x.shape[1]+at[1]+uv[1]) * t.at(k)
		})
	})
	return y
}

func costVolume(_ graph.CostVolume, in []tensor, out graph.Shape) []float64 {
	y := make([]float64, out.Elems())
	walk(out, func(i int, at []int) { y[i] = math.Abs(in[0].at(at[1]) - in[1].at(at[0]+at[1])) })
	return y
}

// distance2 is the squared distance of point i of p and point j of q.
func distance2(p []float64, i int, q []float64, j int) float64 {
	d := 0.0
	for k := range 3 {
		d += (p[3*i+k] - q[3*j+k]) * (p[3*i+k] - q[3*j+k])
	}
	return d
}

func furthestPoints(op graph.FurthestPoints, in []tensor, _ graph.Shape) []float64 {
	p := in[0].floats()
	nearest := make([]float64, len(p)/3) // squared distance to the points picked so far
	for i := range nearest {
		nearest[i] = math.Inf(1)
	}
	var picked []float64
	at := 0
	for range op.K {
		picked = append(picked, p[3*at:3*at+3]...)
		next := 0
		for i := range nearest {
			nearest[i] = min(nearest[i], distance2(p, i, p, at))
			if nearest[i] > nearest[next] {
				next = i
			}
		}
		at = next
	}
	return picked
}

func radiusSearch(op graph.RadiusSearch, in []tensor, out graph.Shape) []float64 {
	p, c := in[0].floats(), in[1].floats()
	y := make([]float64, out.Elems())
	walk(out, func(i int, at []int) { y[i] = truth(math.Sqrt(distance2(p, at[0], c, at[1])) <= op.R) })
	return y
}

func scaledElementwise(op graph.ScaledElementwise, in []tensor, out graph.Shape) []float64 {
	f := binaryFuncs[op.Fn]
	return broadcast(out, in[0], in[1], func(a, b float64) float64 { return op.Scale * f(a, b) })
}
