package power

import (
	"math"
	"time"
)

// report is one sample as powermetrics prints it.
type report struct {
	elapsed      time.Duration // 0 where the output states none
	mW           values
	mJ           values // of this interval; plist only
	thermal      string // pressure level; "" if the sampler was off
	combined     bool   // Package is the printed sum of CPU, GPU and ANE
	gpuSecondary bool   // the GPU's energy is from the gpu dictionary
}

// sample dates the report: its interval ends at end.
func (r report) sample(end time.Time) sample {
	r.mW.addThree()
	r.mJ.addThree()
	s := sample{
		start:  end.Add(-r.elapsed),
		end:    end,
		watts:  r.mW.scaled(1e-3),
		joules: r.mJ.scaled(1e-3),
	}
	if r.combinedDiffers() {
		s.notes |= noteCombined
	}
	if r.gpuSecondary {
		s.notes |= noteGPU
	}
	if r.thermal != "" && r.thermal != "Nominal" {
		s.notes |= noteThermal
	}
	return s
}

// combinedDiffers reports whether the printed combined power is off the sum of
// its parts by more than max(3 mW, 1 %): each number is rounded by itself, so
// 271 + 26 + 0 is printed as 298.
func (r report) combinedDiffers() bool {
	if !r.combined || !r.mW.has[CPU] || !r.mW.has[GPU] || !r.mW.has[ANE] {
		return false
	}
	got := r.mW.v[Package]
	sum := r.mW.v[CPU] + r.mW.v[GPU] + r.mW.v[ANE]
	return math.Abs(got-sum) > max(3, 0.01*got)
}
