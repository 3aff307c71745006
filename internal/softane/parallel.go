package softane

import (
	"runtime"
	"sync"
)

// workers is the number of goroutines of one kernel.
func workers() int { return runtime.GOMAXPROCS(0) }

// inParallel splits [0, n) into one range per worker, none shorter than grain,
// and calls f once per range with the worker's number.
func inParallel(n, grain int, f func(worker, lo, hi int)) {
	inParallelUpTo(min(workers(), n/max(1, grain)), n, f)
}

// inParallelUpTo splits [0, n) into at most parts ranges.
func inParallelUpTo(parts, n int, f func(worker, lo, hi int)) {
	if parts = min(parts, n); parts <= 1 {
		f(0, 0, n)
		return
	}
	var wg sync.WaitGroup
	for w := range parts {
		wg.Go(func() { f(w, n*w/parts, n*(w+1)/parts) })
	}
	wg.Wait()
}
