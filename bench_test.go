package devicemap

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/klauspost/cpuid/v2"
	"golang.org/x/term"

	"devicemap/device"
	"devicemap/device/ane"
	"devicemap/device/gpu"
	"devicemap/internal/e5rt"
	"devicemap/internal/softane"
	"devicemap/power"
	"devicemap/results"
	"devicemap/workloads"
)

// suite is what the benchmarks share. TestMain makes it; it is nil when no
// benchmark runs.
var suite *session

// TestMain opens the engines and the power meter and samples the idle power,
// but only when benchmarks are to run: plain tests need none of it.
func TestMain(m *testing.M) {
	ane.MaybeChild() // in a copy of this process that compiles a new program
	var o options
	o.register(flag.CommandLine)
	flag.Parse()
	if flag.Lookup("test.bench").Value.String() == "" || flag.Lookup("test.list").Value.String() != "" {
		os.Exit(m.Run())
	}
	known := openers(o)
	if os.Getenv(faultyEnv) != "" {
		known = append(known, faultyOpeners()...)
	}
	s, err := open(o, known)
	if err != nil {
		fmt.Fprintln(os.Stderr, "devicemap:", err)
		os.Exit(1)
	}
	suite = s
	os.Exit(s.run(m.Run))
}

// openers lists every engine that this build knows.
func openers(o options) []device.Opener {
	list := o.cpuOpeners()
	list = append(list, gpu.Openers()...)
	list = append(list, ane.Opener())
	if o.software != "" {
		list = append(list, device.Opener{Kind: device.ANE, Name: "ANE-software",
			Open: func() (device.Engine, error) { return openSoftware(o.software) }})
	}
	return list
}

// softwareANE is the Neural Engine path over the software engine.
type softwareANE struct {
	device.Engine
	soft *softane.Engine
}

func openSoftware(family string) (device.Engine, error) {
	dir, err := os.UserCacheDir()
	if err != nil {
		return nil, fmt.Errorf("software Neural Engine: programs have no place: %w", err)
	}
	soft, err := softane.New(softane.Arch(family))
	if err != nil {
		return nil, err
	}
	e, err := ane.Open(ane.Config{Lookup: soft.Lookup, Name: "ANE-software", Library: "softane", Host: soft.String(), Arch: family,
		CacheDir: filepath.Join(dir, "devicemap", "ane-software"), Pace: e5rt.Pace{Delay: e5rt.NoDelay}})
	if err != nil {
		return nil, errors.Join(err, soft.Close())
	}
	return &softwareANE{e, soft}, nil
}

func (s *softwareANE) Close() error { return errors.Join(s.Engine.Close(), s.soft.Close()) }

// session is one benchmark run: the engines of the host, its power meter, and
// where results go.
type session struct {
	options   options
	engines   []device.Engine
	absent    []device.Absence
	workloads []workloads.Workload
	meter     *power.Meter
	progress  *progress
	file      *results.Writer // nil: no file
	path      string          // of file

	stdout *os.File // the real one while os.Stdout is a pipe
	stderr *os.File

	mu       sync.Mutex
	rows     []results.Row
	measured []measured // of rows, in the same order
	facts    []results.Fact

	paces    paces
	recorded map[string]int // rows by name in the results file, under -resume
}

// open prepares a run. Everything that can be wrong with the flags or the
// results file is found here, before anything is measured.
func open(o options, known []device.Opener) (*session, error) {
	chosen, subjects, err := o.choose(known, workloads.DeviceMap())
	if err != nil {
		return nil, err
	}
	if o.quick {
		if err := quickWindow(); err != nil {
			return nil, err
		}
	}
	s := &session{options: o, workloads: subjects, progress: &progress{}, stdout: os.Stdout, stderr: os.Stderr}
	s.engines, s.absent = device.Discover(chosen...)
	for _, a := range s.absent {
		if len(o.require) > 0 && o.require.keeps(a.Name) {
			s.closeEngines()
			return nil, fmt.Errorf("-require: %v", a)
		}
	}
	s.meter = power.Open(powerConfig())
	s.facts = s.hostFacts()
	if s.path = s.resultsPath(); s.path != "" {
		if o.resume {
			s.recorded = recordedRows(s.path)
		}
		if s.file, err = results.Create(s.path, s.facts); err != nil {
			s.close()
			return nil, err
		}
	}
	return s, nil
}

// quickWindow shortens the window to the published 2 s unless -benchtime says
// otherwise.
func quickWindow() error {
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.benchtime" })
	if given {
		return nil
	}
	return flag.Set("test.benchtime", "2s")
}

// resultsPath is the file that finished arms are appended to. Runs with short
// windows go to a file of their own, so that they do not dilute a record.
func (s *session) resultsPath() string {
	switch s.options.results {
	case "none":
		return ""
	case "":
	default:
		return s.options.results
	}
	name := results.FileName(chip())
	if s.short() {
		ext := filepath.Ext(name)
		name = name[:len(name)-len(ext)] + ".quick" + ext
	}
	return filepath.Join("results", name)
}

// short reports a run that is no record: -quick, or a -benchtime of less than a
// second or of a number of iterations. Its sweeps have the quick sizes.
func (s *session) short() bool {
	window, err := time.ParseDuration(flag.Lookup("test.benchtime").Value.String())
	return s.options.quick || err != nil || window < time.Second
}

// chip names the host's processor.
func chip() string {
	if cpuid.CPU.BrandName != "" {
		return cpuid.CPU.BrandName
	}
	return runtime.GOARCH
}

// run heads the output, samples the idle power, runs the benchmarks with the
// output normalised, and closes with the map. It returns the exit status.
func (s *session) run(benchmarks func() int) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s.sampleIdle(ctx)
	s.progress = newProgress(len(matching(s.planned(), flag.Lookup("test.bench").Value.String()))*counts(), s.stderr)
	restore, err := s.redirect()
	if err != nil {
		fmt.Fprintln(s.stderr, "devicemap: output not normalised:", err)
	}
	fmt.Fprint(os.Stdout, s.header())
	done := make(chan int, 1)
	go func() { done <- benchmarks() }()
	code := 130 // interrupted
	select {
	case code = <-done:
		s.closingIdle(ctx)
	case <-ctx.Done():
		fmt.Fprintln(s.stderr, "devicemap: interrupted; finished arms are kept")
	}
	s.progress.finish()
	restore()
	s.correct()
	s.summary(s.stderr)
	s.close()
	return code
}

// header heads the output. What benchstat wants to know of the units is left
// out where a person reads along.
func (s *session) header() string {
	if term.IsTerminal(int(s.stdout.Fd())) {
		return results.Comments(s.facts)
	}
	return results.Header(s.facts)
}

// redirect sends os.Stdout through the normaliser, so that the raw output of
// two hosts pairs under plain benchstat. The returned function waits until all
// of it is written and puts the real one back.
func (s *session) redirect() (restore func(), err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return func() {}, err
	}
	lines := s.progress.around(s.stdout)
	n := results.NewNormalizer(lines, runtime.GOMAXPROCS(0))
	copied := make(chan error, 1)
	go func() {
		_, err := io.Copy(n, r)
		copied <- errors.Join(err, n.Close(), lines.Close())
	}()
	os.Stdout = w
	return func() {
		os.Stdout = s.stdout
		w.Close()
		if err := <-copied; err != nil {
			fmt.Fprintln(s.stderr, "devicemap: output:", err)
		}
	}, nil
}

// record keeps a finished arm: in memory for the map, and on the disk. With
// remake its row is made again once later baselines are known.
func (s *session) record(reading power.Reading, remake func(power.Reading) results.Row) error {
	r := remake(reading)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows = append(s.rows, r)
	m := measured{reading: reading, remake: remake}
	var err error
	if s.file != nil {
		err = s.file.Write(r)
		m.written = err == nil
	}
	s.measured = append(s.measured, m)
	return err
}

// note adds a fact about this run.
func (s *session) note(f results.Fact) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.facts = append(s.facts, f)
	if s.file == nil {
		return
	}
	if err := s.file.Note(f); err != nil {
		fmt.Fprintln(s.stderr, "devicemap:", err)
	}
}

func (s *session) closeEngines() {
	for _, e := range s.engines {
		if err := e.Close(); err != nil {
			fmt.Fprintln(s.stderr, "devicemap:", err)
		}
	}
}

func (s *session) close() {
	s.closeEngines()
	if err := s.meter.Close(); err != nil {
		fmt.Fprintln(s.stderr, "devicemap:", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		return
	}
	if err := s.file.Close(); err != nil {
		fmt.Fprintln(s.stderr, "devicemap:", err)
	}
	s.file = nil // an arm that an interrupt overtook has nowhere to go
}
