package devicemap

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"devicemap/power"
	"devicemap/results"
)

// powerEnv names the root of a file system with a RAPL counter, for a child
// process of these tests.
const powerEnv = "DEVICEMAP_TEST_POWER"

// powerConfig is the published protocol, or a fast one over a made-up counter.
func powerConfig() power.Config {
	if root := os.Getenv(powerEnv); root != "" {
		return power.Config{Only: "rapl", FS: os.DirFS(root), Interval: 50 * time.Millisecond, IdleSamples: 20, QuietWait: -1}
	}
	return power.Config{}
}

// sampleIdle takes the power baseline at the start. A failure leaves the
// windows without active power, and says so.
func (s *session) sampleIdle(ctx context.Context) {
	if s.meter.Source() == "none" {
		return
	}
	fmt.Fprintf(s.stderr, "devicemap: sampling idle power (%s) ...\n", s.meter.Source())
	idle, err := s.meter.Idle(ctx)
	if err != nil {
		fmt.Fprintln(s.stderr, "devicemap: no idle baseline, so no active power:", err)
		s.note(results.Fact{Key: "idle", Value: err.Error()})
		return
	}
	for _, r := range []power.Rail{power.Package, power.CPU, power.GPU, power.ANE} {
		if watts, ok := idle.Watts(r); ok {
			s.note(results.Fact{Key: idleKeys[r], Value: fmt.Sprintf("%.1f", watts*1e3)})
		}
	}
	s.noteIdle(idle)
}

// idleKeys are the facts that hold the idle figures, in milliwatts.
var idleKeys = map[power.Rail]string{
	power.Package: "idle-pkg-mW", power.CPU: "idle-cpu-mW", power.GPU: "idle-gpu-mW", power.ANE: "idle-ane-mW",
}

// noteIdle records one baseline: when, how much, how steady, and its doubts.
func (s *session) noteIdle(idle power.Idle) {
	text := idle.At.UTC().Format(time.RFC3339)
	if watts, ok := idle.Watts(power.Package); ok {
		spread, _ := idle.Spread(power.Package)
		text += fmt.Sprintf(" package %.1f mW, deviation %.1f mW, %d samples", watts*1e3, spread*1e3, idle.Samples)
	}
	if len(idle.Flags) > 0 {
		text += ", " + strings.Join(idle.Flags, ", ")
		fmt.Fprintln(s.stderr, "devicemap: the idle baseline is doubtful:", strings.Join(idle.Flags, ", "))
	}
	s.note(results.Fact{Key: "idle", Value: text})
}

// rebase takes a further baseline between two arms when one is due.
func (s *session) rebase(ctx context.Context) {
	if !s.meter.IdleDue() {
		return
	}
	idle, err := s.meter.Rebase(ctx)
	if err != nil {
		s.note(results.Fact{Key: "idle", Value: err.Error()})
		return
	}
	s.noteIdle(idle)
}

// closingIdle takes the last baseline of a run that is a record.
func (s *session) closingIdle(ctx context.Context) {
	s.mu.Lock()
	n := len(s.rows)
	s.mu.Unlock()
	if n == 0 || s.short() || s.meter.Source() == "none" {
		return
	}
	fmt.Fprintf(s.stderr, "devicemap: sampling idle power (%s) ...\n", s.meter.Source())
	if idle, err := s.meter.Rebase(ctx); err == nil {
		s.noteIdle(idle)
	} else {
		s.note(results.Fact{Key: "idle", Value: err.Error()})
	}
}

// measured is a row whose power can be computed again.
type measured struct {
	reading power.Reading
	remake  func(power.Reading) results.Row
	written bool // it stands in the file
}

// correct counts active power anew, from the line between the baselines around
// each window. The lines that go test has printed keep the baseline before the
// window; the file and the closing map have the corrected figures.
func (s *session) correct() {
	s.mu.Lock()
	defer s.mu.Unlock()
	var written []int
	differs := make([]bool, len(s.rows))
	for i, m := range s.measured {
		if m.written {
			written = append(written, i)
		}
		row := m.remake(s.meter.Correct(m.reading))
		differs[i] = !reflect.DeepEqual(row, s.rows[i])
		s.rows[i] = row
	}
	if s.file == nil {
		return
	}
	next := 0
	err := s.file.Rewrite(func(r results.Row) (results.Row, bool) {
		i := written[next]
		next++
		return s.rows[i], differs[i]
	})
	if err != nil {
		fmt.Fprintln(s.stderr, "devicemap: power in the file keeps the baseline before each window:", err)
	}
}

// TestPowerReachesTheFile runs an arm on a host whose package draws 5 W at all
// times, as far as its counter tells.
func TestPowerReachesTheFile(t *testing.T) {
	alone(t) // before there is a counter to run
	root := t.TempDir()
	zone := filepath.Join(root, "sys/class/powercap/intel-rapl:0")
	require.NoError(t, os.MkdirAll(zone, 0o755))
	put := func(name, content string) {
		tmp := filepath.Join(root, "new")
		require.NoError(t, os.WriteFile(tmp, []byte(content+"\n"), 0o644))
		require.NoError(t, os.Rename(tmp, filepath.Join(zone, name)))
	}
	put("name", "package-0")
	put("max_energy_range_uj", "262143328850")
	put("energy_uj", "1000000")
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for from := time.Now(); ; {
			select {
			case <-stop:
				return
			case now := <-tick.C:
				put("energy_uj", strconv.FormatInt(1_000_000+5*now.Sub(from).Microseconds(), 10))
			}
		}
	}()
	path := filepath.Join(t.TempDir(), "map.txt")
	_, stderr, code := child(t, []string{powerEnv + "=" + root}, "-workloads=GEMM-floor", "-engines=CPU", "-test.benchtime=1s", "-results="+path)
	close(stop)
	<-done
	if code != 0 {
		t.Fatalf("status %d: %s", code, stderr)
	}
	f, err := results.Load(path)
	require.NoError(t, err)
	require.Len(t, f.Rows, 1)
	row := f.Rows[0]
	got := map[string]float64{}
	for _, m := range row.Metrics {
		got[m.Unit] = m.Value
	}
	// The counter does not know of the load: total is idle, active is near 0.
	for _, unit := range []string{results.TotalMW, results.CtrTotalMW, results.IdleMW, results.CPUTotalMW} {
		if v := got[unit]; v < 4000 || v > 6000 {
			t.Errorf("%s = %v, want near the counter's 5000: %v", unit, v, got)
		}
	}
	for _, unit := range []string{results.MW, results.CtrMW, results.UncMW, results.CVPercent} {
		if v, ok := got[unit]; !ok || v < 0 || v > 2000 {
			t.Errorf("%s = %v, %v, want a small one: %v", unit, v, ok, got)
		}
	}
	require.Contains(t, row.Flags, power.FlagShortWindow)
	require.Contains(t, row.Note, "power by rapl; active ±")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	if n := strings.Count(string(text), "\n# idle: 2"); n != 2 {
		t.Errorf("%d baselines stand in the file, want one at the start and one at the end:\n%s", n, text)
	}
}
