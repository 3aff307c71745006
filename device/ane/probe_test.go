package ane

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"devicemap/internal/e5rt"
	"devicemap/internal/graph"
	"devicemap/internal/softane"
)

// probeEnv makes a copy of the test program answer one question and exit. Its
// Neural Engine is the host's, or a software one of the target in archEnv.
const probeEnv = "DEVICEMAP_TEST_PROBE"

// probeTimeout bounds one question; the longest compiles 270 programs twice.
const probeTimeout = 20 * time.Minute

// probes are the open points of the interface, in the order of their numbers,
// after the acceptance run. Numbers 3 (reset of streams) and 4 (asynchronous
// events) need no answer: this suite uses neither.
func probes() []check {
	return append(acceptance(), append(interfaceProbes(), programProbes()...)...)
}

// TestProbe asks the host's Neural Engine all questions, each in a process of
// its own, and prints one screen to paste into an issue:
//
//	go test ./device/ane -run 'Probe$' -v
func TestProbe(t *testing.T) {
	if runtime.GOOS != "darwin" || runtime.GOARCH != "arm64" {
		t.Skipf("the probes question a Neural Engine; %s/%s has none", runtime.GOOS, runtime.GOARCH)
	}
	h, err := readHost()
	if err != nil {
		t.Skipf("no Neural Engine: %v", err)
	}
	arch, known := h.target("")
	fmt.Printf("\nNeural Engine probes: %s, %s, suite %s\n\n", h.name(known), arch, revision())
	for _, c := range probes() {
		if r := askInChild(t, c, ""); r.Fault != "" && acceptanceID.MatchString(c.id) {
			t.Errorf("%s (%s): %s", c.id, c.question, r.Fault)
		}
	}
}

var acceptanceID = regexp.MustCompile(`^[a-j]$`)

// TestProbesOnSoftware asks the software engine the same questions, so that a
// Mac's owner runs code that has run before. Known answers are compared.
func TestProbesOnSoftware(t *testing.T) {
	known := map[string]string{
		"1":   "x0 = 0x1,",
		"6":   "h13 → H13C.bundle",
		"11":  "kernel width 13 compiles, 14 refused",
		"13":  "31 of 31 required symbols",
		"14b": fmt.Sprintf("%d operations right; affine", len(graph.Catalog())-1),
		"17":  "out2 is in + out",
	}
	for _, c := range probes() {
		r := askInChild(t, c, "h13")
		if r.Fault != "" && acceptanceID.MatchString(c.id) {
			t.Errorf("%s (%s): %s", c.id, c.question, r.Fault)
		}
		if r.Crash != "" {
			t.Errorf("%s (%s) crashed: %s", c.id, c.question, r.Crash)
		}
		require.Contains(t, r.Answer+r.Fault, known[c.id], c.id)
	}
}

// reply is what a child answered.
type reply struct {
	Answer string
	Fault  string // a wrong answer, or none
	Crash  string `json:",omitempty"`
}

func (r reply) String() string {
	switch {
	case r.Crash != "":
		return "CRASHED " + r.Crash
	case r.Fault != "":
		return "FAILS " + r.Fault
	}
	return r.Answer
}

const replyMarker = "probe-reply: "

// askInChild asks one question in a copy of this program and prints the row.
func askInChild(t *testing.T, c check, arch string) (r reply) {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), probeTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, exe)
	cmd.Env = append(os.Environ(), probeEnv+"="+c.id, archEnv+"="+arch)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	found := false
	for line := range strings.Lines(out.String()) {
		if rest, ok := strings.CutPrefix(line, replyMarker); ok {
			found = json.Unmarshal([]byte(rest), &r) == nil
		}
	}
	if !found {
		r.Crash = oneLine(fmt.Sprintf("(%v) %s", cmp.Or(ctx.Err(), err), firstLine(errs.String())))
	}
	if testing.Verbose() {
		fmt.Printf("%3s  %-28s %v\n", c.id, c.question, r)
	}
	return r
}

// maybeProbe answers and exits if this process is a child of askInChild.
func maybeProbe() {
	id := os.Getenv(probeEnv)
	if id == "" {
		return
	}
	var r reply
	for _, c := range probes() {
		if c.id == id {
			r = answer(c)
		}
	}
	line, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	fmt.Printf("\n%s%s\n", replyMarker, line)
	os.Exit(0)
}

// answer asks one question of this process's Neural Engine.
func answer(c check) (r reply) {
	defer func() {
		if p := recover(); p != nil {
			f, ok := p.(failure)
			if !ok {
				panic(p)
			}
			r.Fault = oneLine(f.err.Error())
		}
	}()
	dir, err := os.MkdirTemp("", "devicemap-probe-")
	if err != nil {
		return reply{Fault: err.Error()}
	}
	defer os.RemoveAll(dir)
	s, err := probed(dir)
	if err == nil {
		r.Answer, err = c.ask(s)
	}
	if err != nil {
		r.Fault = oneLine(err.Error())
	}
	r.Answer = oneLine(r.Answer)
	return r
}

// probed opens this process's Neural Engine with a fresh cache below dir.
func probed(dir string) (*subject, error) {
	c := Config{Name: "ANE", Host: "probe", CacheDir: filepath.Join(dir, "cache")}
	var s subject
	var lib *e5rt.Lib
	var err error
	if c.Arch = os.Getenv(archEnv); c.Arch != "" {
		if s.soft, err = softane.New(softane.Arch(c.Arch)); err != nil {
			return nil, err
		}
		s.lookup = s.soft.Lookup
		lib, err = s.soft.Lib()
	} else {
		h, err := readHost()
		if err != nil {
			return nil, err
		}
		c.Arch, _ = h.target(os.Getenv(targetEnv))
		s.lookup = systemLookup
		if lib, err = e5rt.Load(); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, err
	}
	lib.Pace.Delay = func(n int) time.Duration { return min(e5rt.DefaultDelay(n), 2*time.Second) }
	if s.soft != nil {
		lib.Pace.Delay = e5rt.NoDelay
	}
	s.engine, err = open(lib, c)
	return &s, err
}

// childLib is the library that compiles in a child of a test or of a probe.
func childLib() (*e5rt.Lib, error) {
	if os.Getenv(probeEnv) != "" && os.Getenv(archEnv) == "" {
		return e5rt.Load()
	}
	soft, err := softane.New(softane.Arch(cmp.Or(os.Getenv(archEnv), "h13")))
	if err != nil {
		return nil, err
	}
	return soft.Lib()
}

// revision names the suite's version.
func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value[:min(12, len(s.Value))]
		}
	}
	return "unknown"
}

// oneLine keeps a row on the screen. What a status says stands first.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 1500 {
		return string(r[:1500]) + "…"
	}
	return s
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}

// short says how a program was refused, in few words.
func short(err error) string {
	var st *e5rt.StatusError
	if !errors.As(err, &st) {
		return err.Error()
	}
	words := strings.Fields(st.Text)
	return fmt.Sprintf("refused (%s, %d: %s)", st.Stage, st.Code, strings.Join(words[:min(len(words), 8)], " "))
}
