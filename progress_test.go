package devicemap

import (
	"io"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress is the live line on stderr: which arm, n of m, time left. It is
// silent when stderr is no terminal.
type progress struct {
	mu  sync.Mutex
	bar *progressbar.ProgressBar // nil: silent
}

func newProgress(arms int, stderr *os.File) *progress {
	if arms == 0 || !term.IsTerminal(int(stderr.Fd())) {
		return &progress{}
	}
	return &progress{bar: progressbar.NewOptions(arms,
		progressbar.OptionSetWriter(stderr),
		progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionSetElapsedTime(true),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionSetWidth(12),
	)}
}

// step shows what is being done now.
func (p *progress) step(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		p.bar.Describe(what)
	}
}

// done counts one arm.
func (p *progress) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Add(1) // an unwritable terminal must not fail an arm
	}
}

// around is w with the line taken away before each write and drawn again
// after it, so that both can share a terminal.
func (p *progress) around(w io.Writer) io.Writer { return clearing{p, w} }

type clearing struct {
	p *progress
	w io.Writer
}

func (c clearing) Write(b []byte) (int, error) {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	if c.p.bar == nil {
		return c.w.Write(b)
	}
	_ = c.p.bar.Clear()
	n, err := c.w.Write(b)
	_ = c.p.bar.RenderBlank()
	return n, err
}

// finish takes the line away for good.
func (p *progress) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Finish()
		p.bar = nil
	}
}
