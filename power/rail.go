package power

import (
	"fmt"
	"math"
	"time"
)

// Rail is a supply domain that a source reports.
type Rail uint8

// The rails. Children of a RAPL package overlap it: Core, Uncore and DRAM are
// reported beside Package and never added to it.
const (
	CPU      Rail = iota
	GPU           // integrated GPU of a system on chip
	ANE           // Apple Neural Engine
	DRAM          // memory; powermetrics lacks it since macOS 13
	Package       // what does the work: CPU+GPU+ANE of a system on chip; sockets plus boards
	Core          // RAPL: the cores of the package
	Uncore        // RAPL: usually the integrated GPU
	System        // the whole machine: RAPL psys, SMC PSTR, a battery
	Board         // discrete accelerators, memory included: NVML, amdgpu
	numRails = iota
)

var railNames = [numRails]string{"CPU", "GPU", "ANE", "DRAM", "Package", "Core", "Uncore", "System", "Board"}

func (r Rail) String() string {
	if int(r) >= numRails {
		return fmt.Sprintf("Rail(%d)", uint8(r))
	}
	return railNames[r]
}

// values holds one number per rail, or none.
type values struct {
	v   [numRails]float64
	has [numRails]bool
}

// set stores x for r. A source's NaN, infinity or negative number (a counter
// underflow) is no measurement and leaves the rail absent.
func (s *values) set(r Rail, x float64) {
	if x >= 0 && !math.IsInf(x, 1) {
		s.v[r], s.has[r] = x, true
	}
}

func (s *values) get(r Rail) (float64, bool) {
	if int(r) >= numRails {
		panic(fmt.Sprintf("power: %v is not a rail", r))
	}
	return s.v[r], s.has[r]
}

// only returns the values of those rails that mask has.
func (s values) only(mask values) values {
	for r := range s.has {
		s.has[r] = s.has[r] && mask.has[r]
	}
	return s
}

// scaled returns the values times f.
func (s values) scaled(f float64) values {
	for r := range s.v {
		s.v[r] *= f
	}
	return s
}

// addThree sets Package to CPU+GPU+ANE where it is absent and all three are
// there: the sum that powermetrics prints as combined.
func (s *values) addThree() {
	if s.has[CPU] && s.has[GPU] && s.has[ANE] && !s.has[Package] {
		s.set(Package, s.v[CPU]+s.v[GPU]+s.v[ANE])
	}
}

// sample is the mean power over one interval.
type sample struct {
	start, end time.Time // with monotonic reading
	watts      values
	joules     values // energy of the interval, where the source counts it
	notes      notes
}

// notes are doubts about one sample that become flags of a window.
type notes uint32

const (
	noteWrap        notes = 1 << iota // a counter wrapped and was repaired
	noteReset                         // a counter restarted; its energy is lost
	noteNonMonotone                   // a counter without known range stepped back
	noteStale                         // a counter did not move
	noteCombined                      // combined differs from CPU+GPU+ANE
	noteGPU                           // GPU energy from its secondary read
	noteThermal                       // thermal pressure above nominal
	noteThrottled                     // a device runs slower than it could
	noteBacklog                       // energy of earlier hours came at once; discarded
	noteBatched                       // counters are published in bursts
	noteUnit                          // a channel with an unknown unit was left out
	notePartTime                      // the sensor looks a quarter of the time
	noteForeign                       // another powermetrics runs
)
