//go:build unix

package power

import (
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test binary stands in for powermetrics and sudo: with fakeEnv set it is
// that program. The real code starts it, reads its pipe and ends it.
const (
	fakeEnv = "POWER_TEST_FAKE" // name of the program
	modeEnv = "POWER_TEST_MODE" // how it behaves, see fakePowermetrics and fakeSudo
	dirEnv  = "POWER_TEST_DIR"  // where it leaves its traces
)

func TestMain(m *testing.M) {
	mode := strings.Split(os.Getenv(modeEnv), ",")
	switch os.Getenv(fakeEnv) {
	case "powermetrics":
		os.Exit(fakePowermetrics(mode, os.Args[1:]))
	case "sudo":
		os.Exit(fakeSudo(mode, os.Args[1:]))
	case "suite":
		os.Exit(fakeSuite())
	}
	os.Exit(m.Run())
}

// fakeCommand makes commands whose programs are fakes in the given mode, except
// ps. They leave traces in dir.
func fakeCommand(t *testing.T, dir, mode string) func(name string, arg ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return func(name string, arg ...string) *exec.Cmd {
		if name == "ps" {
			return exec.Command(name, arg...)
		}
		cmd := exec.Command(exe, arg...)
		cmd.Env = append(os.Environ(), fakeEnv+"="+filepath.Base(name), modeEnv+"="+mode, dirEnv+"="+dir)
		return cmd
	}
}

// leave adds a line to a trace file.
func leave(file, line string) {
	f, err := os.OpenFile(filepath.Join(os.Getenv(dirEnv), file), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		fmt.Fprintln(f, line)
		f.Close()
	}
}

// fakeSudo knows "-n true", "-n -v", "-n kill …" and "-n powermetrics …".
func fakeSudo(mode []string, args []string) int {
	leave("sudo", strings.Join(args, " "))
	if slices.Contains(mode, "nosudo") || slices.Contains(mode, "rule") && args[1] != powermetricsPath {
		fmt.Fprintln(os.Stderr, "sudo: a password is required")
		return 1
	}
	switch args[1] {
	case "true", "-v":
		return 0
	case "kill":
		sig, _ := strconv.Atoi(strings.TrimPrefix(args[2], "-"))
		for _, pid := range args[3:] {
			n, _ := strconv.Atoi(pid)
			if err := syscall.Kill(n, syscall.Signal(sig)); err != nil {
				return 1
			}
		}
		return 0
	}
	signal.Ignore(syscall.SIGTERM) // nothing is relayed
	exe, _ := os.Executable()
	cmd := exec.Command(exe, args[2:]...)
	cmd.Env = append(os.Environ(), fakeEnv+"=powermetrics")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	leave("pids", strconv.Itoa(os.Getpid()))
	if err := cmd.Run(); err != nil {
		return 1
	}
	return 0
}

// fakePowermetrics prints a sample of 1 W CPU, 0.5 W GPU and 0.25 W ANE per
// interval. The probing run, of one sample, behaves well unless the mode starts
// with "always".
func fakePowermetrics(mode []string, args []string) int {
	opt := map[string]string{}
	for i := 0; i+1 < len(args); i += 2 {
		opt[args[i]] = args[i+1]
	}
	leave("pids", strconv.Itoa(os.Getpid()))
	leave("argv", strings.Join(args, " "))
	n, _ := strconv.Atoi(opt["-n"])
	ms, _ := strconv.Atoi(opt["-i"])
	if n == 1 && mode[0] != "always" {
		mode = nil
	}
	is := func(m string) bool { return slices.Contains(mode, m) }
	if is("oldsamplers") && strings.Contains(opt["-s"], "ane_power") {
		fmt.Fprintln(os.Stderr, "powermetrics: unrecognized sampler: ane_power")
		return 64
	}
	if is("deaf") {
		signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGPIPE)
	}
	sep := ""
	for k := range n {
		if is("never") || is("stalls") && k == 3 {
			time.Sleep(time.Hour) // until a signal
		}
		began := time.Now()
		time.Sleep(time.Duration(ms) * time.Millisecond)
		// Multiples of 4 ms make all energies whole mJ, as powermetrics prints them.
		elapsed := int(time.Since(began).Milliseconds()) / 4 * 4
		out := sep + fakeDocument(elapsed)
		switch {
		case is("dies") && k == 3:
			fmt.Fprintln(os.Stderr, "powermetrics: lost its kernel connection")
			return 3
		case is("garbage"):
			out = "\x00\x01garbage</plist>\xff\n"
		case is("half"):
			fmt.Print(out[:len(out)/2])
			return 0
		case is("textonly") && opt["-f"] == "plist":
			out = "<plist><dict><new-format/></dict></plist>"
		case is("textonly"):
			out = fakeText(elapsed)
		}
		if _, err := fmt.Print(out); err != nil && !is("deaf") {
			return 1
		}
		sep = "\x00"
	}
	return 0
}

func fakeDocument(ms int) string {
	return fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict><key>is_delta</key><true/><key>elapsed_ns</key><integer>%d</integer>
<key>processor</key><dict><key>clusters</key><array/>
<key>cpu_energy</key><integer>%d</integer><key>cpu_power</key><real>1000</real>
<key>gpu_energy</key><integer>%d</integer><key>gpu_power</key><real>500</real>
<key>ane_energy</key><integer>%d</integer><key>ane_power</key><real>250</real>
<key>combined_power</key><real>1750</real></dict><key>thermal_pressure</key><string>Nominal</string></dict></plist>
`, ms*1e6, ms, ms/2, ms/4)
}

func fakeText(ms int) string {
	return fmt.Sprintf(`
*** Sampled system activity (Sun Sep 13 21:25:36 2026 +1200) (%d.00ms elapsed) ***

**** Processor usage ****
CPU Power: 1000 mW
GPU Power: 500 mW
ANE Power: 250 mW
Combined Power (CPU + GPU + ANE): 1750 mW

**** GPU usage ****
GPU Power: 500 mW
`, ms)
}

// alive reports whether a process still runs; one that ended and was not yet
// reaped by its parent does not.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return !os.IsNotExist(err) || !procMounted()
	}
	_, rest, _ := cutLast(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}

func procMounted() bool {
	_, err := os.Stat("/proc/self/stat")
	return err == nil
}
