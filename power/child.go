package power

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"
)

// terminate asks a process to end. On a system without SIGTERM it fails, as it
// does for another user's process; the caller waits and then goes further.
func terminate(p *os.Process) { _ = p.Signal(syscall.SIGTERM) }

// maxTail bounds what is kept of a child's stderr.
const maxTail = 4 << 10

// tail keeps the end of a child's stderr.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if n := len(t.buf); n > maxTail {
		t.buf = append(t.buf[:0], t.buf[n-maxTail:]...)
	}
	return len(p), nil
}

// explain adds the last telling line of stderr to the exit status. Lines about
// proc_pidpath and counter underflow are noise of healthy runs.
func (t *tail) explain(status error) error {
	if status == nil {
		status = errors.New("exit status 0")
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	last := ""
	for line := range strings.Lines(string(t.buf)) {
		line = strings.TrimSpace(line)
		if line != "" && !strings.Contains(line, "proc_pidpath") && !strings.Contains(line, "underflow") {
			last = line
		}
	}
	if last == "" {
		return status
	}
	return fmt.Errorf("%w: %s", status, last)
}

// timeline dates samples that a sampler takes back to back and a reader
// receives late by a varying delay.
//
// With C the summed lengths of the samples, receipt − C is a constant plus the
// delay, so its minimum over the last samples dates best. Only the last eight
// count, because the sampler itself loses a little time between samples; a
// jump above slack is a gap of the sampler and starts anew.
type timeline struct {
	slack   time.Duration
	base    time.Time
	sum     time.Duration
	offsets []time.Duration // the last eight
}

// end returns the end of the sample of the given length.
func (t *timeline) end(received time.Time, elapsed time.Duration) time.Time {
	if t.base.IsZero() {
		t.base = received.Add(-elapsed)
	}
	t.sum += elapsed
	offset := received.Sub(t.base) - t.sum
	best := offset
	for _, o := range t.offsets {
		best = min(best, o)
	}
	if offset-best > t.slack {
		t.offsets, best = t.offsets[:0], offset
	}
	if len(t.offsets) == 8 {
		t.offsets = append(t.offsets[:0], t.offsets[1:]...)
	}
	t.offsets = append(t.offsets, offset)
	return t.base.Add(t.sum + best)
}

// lineReader returns a consumer of powermetrics -f text. A sample is dated by
// the arrival of the line that closes its powers; one without such a line, by
// the next header.
func lineReader(take func(report), problem func(error)) func([]byte) {
	var p textParser
	var buf []byte
	taken := true
	line := func(s string) {
		if elapsed, ok := header(s); ok {
			if prev, ok := p.start(elapsed); ok && !taken && prev.elapsed > 0 {
				take(prev)
			}
			taken = false
			if elapsed == 0 {
				problem(fmt.Errorf("powermetrics: no elapsed time in %q", strings.TrimSpace(s)))
			}
			return
		}
		if p.line(s) && !taken && p.cur.elapsed > 0 {
			taken = true
			take(p.cur)
		}
	}
	return func(b []byte) {
		buf = append(buf, b...)
		for {
			i := bytes.IndexByte(buf, '\n')
			if i < 0 {
				break
			}
			line(string(buf[:i]))
			buf = append(buf[:0], buf[i+1:]...)
		}
		if len(buf) > maxDocument {
			problem(fmt.Errorf("powermetrics: line exceeds %d bytes; it is skipped", maxDocument))
			buf = buf[:0]
		}
	}
}
