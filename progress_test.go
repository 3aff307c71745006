package devicemap

import (
	"bytes"
	"io"
	"os"
	"sync"

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
		progressbar.OptionSetWidth(12),
	)}
}

// step shows what is being done now.
func (p *progress) step(what string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		p.bar.Describe(what)
		_ = p.bar.RenderBlank() // an unwritable terminal must not fail an arm
	}
}

// done counts one arm.
func (p *progress) done() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Add(1)
	}
}

// around is w with the line taken away before each write and drawn again
// after it, so that both can share a terminal. Only whole lines pass while the
// progress line is up: the rest of one would be overwritten.
func (p *progress) around(w io.Writer) *clearing { return &clearing{p: p, w: w} }

type clearing struct {
	p    *progress
	w    io.Writer
	held []byte // the begun line
}

func (c *clearing) Write(b []byte) (int, error) {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	c.held = append(c.held, b...)
	end := len(c.held)
	if c.p.bar != nil {
		end = bytes.LastIndexByte(c.held, '\n') + 1
	}
	if end == 0 {
		return len(b), nil
	}
	if c.p.bar != nil {
		_ = c.p.bar.Clear()
		defer func() { _ = c.p.bar.RenderBlank() }()
	}
	_, err := c.w.Write(c.held[:end])
	c.held = append(c.held[:0], c.held[end:]...)
	return len(b), err
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

// Close writes a line that was begun and never ended.
func (c *clearing) Close() error {
	_, err := c.w.Write(c.held)
	return err
}
