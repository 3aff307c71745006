package e5rt

import "time"

// Pace spaces compiles after failures: a refused compile restarts the system's
// compile service, and a burst right after it may fail too. The zero value
// waits in real time, as published: up to 15 s.
type Pace struct {
	// Now and Sleep are the clock; nil is the system's.
	Now   func() time.Time
	Sleep func(time.Duration)
	// Delay is the time between the last of n consecutive failures and the
	// next compile; nil is [DefaultDelay]. [NoDelay] never waits.
	Delay func(n int) time.Duration
	// Notify, if set, is told of each wait before it begins.
	Notify func(wait time.Duration, failures int)
}

// DefaultDelay is 0 after one failure, then 1, 2, 4, 8 and at most 15 seconds.
// Source: the reference waits "up to about 15 s"; the doubling is our choice.
func DefaultDelay(n int) time.Duration {
	switch {
	case n < 2:
		return 0
	case n > 5:
		return 15 * time.Second
	default:
		return time.Second << (n - 2)
	}
}

// NoDelay is the delay of an engine without a compile service.
func NoDelay(int) time.Duration { return 0 }

// failures counts consecutive failed compiles.
type failures struct {
	n    int
	last time.Time
}

// wait sleeps until a compile may follow f.
func (p Pace) wait(f failures) {
	delay, sleep := p.Delay, p.Sleep
	if delay == nil {
		delay = DefaultDelay
	}
	if sleep == nil {
		sleep = time.Sleep
	}
	d := delay(f.n)
	if d <= 0 {
		return
	}
	if d -= p.now().Sub(f.last); d <= 0 {
		return
	}
	if p.Notify != nil {
		p.Notify(d, f.n)
	}
	sleep(d)
}

func (p Pace) now() time.Time {
	if p.Now == nil {
		return time.Now()
	}
	return p.Now()
}

// after is f after one more compile with the given result.
func (p Pace) after(f failures, err error) failures {
	if err == nil {
		return failures{}
	}
	return failures{n: f.n + 1, last: p.now()}
}
