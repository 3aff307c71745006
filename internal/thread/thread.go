// Package thread holds what Go does not offer for the calling OS thread: the
// flush-to-zero mode of its float unit, and a hint for spinning.
//
// The mode belongs to the OS thread: lock the goroutine to it
// (runtime.LockOSThread) before [FlushToZero], and [Restore] before unlocking.
package thread

// Mode is the state of a thread's float unit: MXCSR on amd64, FPCR on arm64.
// Elsewhere it is always 0.
type Mode uint64

// FlushToZero makes the calling thread read and write denormal floats as zeros
// and returns the mode before. A multiplication with a denormal takes 80 times
// as long as others on the reference host.
func FlushToZero() Mode {
	was := get()
	if was|flush != was {
		set(was | flush)
	}
	return was
}

// Restore puts back what FlushToZero returned.
func Restore(m Mode) {
	if m|flush != m {
		set(m)
	}
}

// Flushes reports whether the calling thread is in flush-to-zero mode.
func Flushes() bool { return flush != 0 && get()&flush == flush }
