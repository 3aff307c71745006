package ane

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"devicemap/internal/mil"
)

// selfTestEnv makes a copy of this program run the self-test and exit.
const selfTestEnv = "DEVICEMAP_ANE_SELFTEST"

// selfTest computes relu of 64 values, the least that a working Neural Engine
// must do.
func (e *engine) selfTest() error {
	b := mil.NewBuilder()
	x := b.Input("x", mil.Tensor(mil.FP16, 1, 64))
	b.Output("y", b.Op("relu", mil.In("x", x)))
	s, err := spelled("self-test", b)
	if err != nil {
		return err
	}
	p, err := e.load(s, true)
	if err != nil {
		return err
	}
	for i := range p.Input(0) {
		p.Input(0)[i] = float32(i - 32)
	}
	if err := p.Run(); err != nil {
		return errors.Join(err, p.Close())
	}
	for i, got := range p.Output(0) {
		if want := max(0, float32(i-32)); got != want {
			return errors.Join(fmt.Errorf("self-test: relu(%d) = %g, want %g", i-32, got, want), p.Close())
		}
	}
	return p.Close()
}

// proveHost runs the self-test unless it passed on this chip and OS build
// before, in a copy of this program if apart.
func (e *engine) proveHost(apart bool) error {
	mark := filepath.Join(e.config.CacheDir, "selftest-"+strings.Map(fileRune, e.config.Host))
	if _, err := os.Stat(mark); err == nil {
		return nil
	}
	test := e.selfTest
	if apart {
		test = selfTestInChild
	}
	if err := test(); err != nil {
		return fmt.Errorf("no working Neural Engine within reach (a virtual machine has none): %w", err)
	}
	err := os.MkdirAll(e.config.CacheDir, 0o700)
	if err == nil {
		err = os.WriteFile(mark, nil, 0o600)
	}
	if err != nil {
		return e.cache.fail("note the self-test", err)
	}
	return nil
}

// fileRune keeps what is safe in a file name.
func fileRune(r rune) rune {
	switch {
	case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
		return r
	}
	return '-'
}

// maybeSelfTest tests the engine and exits if this process is the child of
// selfTestInChild.
func maybeSelfTest(open func() (*engine, error)) {
	if os.Getenv(selfTestEnv) == "" {
		return
	}
	e, err := open()
	if err == nil {
		err = e.selfTest()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

func selfTestInChild() error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), selfTestEnv+"=1")
	var text bytes.Buffer
	cmd.Stderr = &text
	if err := cmd.Run(); err != nil {
		// The verdict is the last line; the runtime below may print more.
		lines := strings.Split(strings.TrimSpace(text.String()), "\n")
		return fmt.Errorf("self-test in a child process: %w: %s", err, lines[len(lines)-1])
	}
	return nil
}
