package e5rt

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPaceAfterFailures(t *testing.T) {
	l := bind(t)
	now := time.Unix(0, 0)
	var waits []time.Duration
	told := 0
	l.Pace = Pace{Now: func() time.Time { return now },
		Sleep:  func(d time.Duration) { waits = append(waits, d); now = now.Add(d) },
		Notify: func(time.Duration, int) { told++ }}
	compile := func(path string) {
		lib, err := l.Compile(path, "cache", Options{})
		if strings.Contains(path, "refused") {
			require.ErrorIs(t, err, ErrRefused)
			return
		}
		require.NoError(t, err)
		require.NoError(t, lib.Close())
	}
	for range 7 {
		compile("refused.mil")
	}
	want := []time.Duration{1, 2, 4, 8, 15}
	for i := range want {
		want[i] *= time.Second
	}
	require.Equal(t, want, waits, "before the third compile and on")
	require.Equal(t, 5, told)

	now = now.Add(10 * time.Second) // part of the wait has passed by itself
	waits = nil
	compile("model.mil")
	require.Equal(t, []time.Duration{5 * time.Second}, waits)
	waits = nil
	compile("refused.mil")
	compile("refused.mil")
	require.Empty(t, waits, "a success resets the count")
	require.Empty(t, engine.live)
}

func TestCompileInChild(t *testing.T) {
	tests := []struct {
		path    string
		outcome Outcome
		want    string // in the error
	}{
		{"model.mil", Compiled, ""},
		{"refused.mil", Refused, "rejected by the ANE compiler"},
		{"abort.mil", Crashed, "SIGABRT"},
	}
	for _, tt := range tests {
		t.Run(tt.path, func(t *testing.T) {
			v, err := CompileInChild(t.Context(), Job{Path: tt.path, CacheDir: "cache"})
			require.NoError(t, err)
			require.Equal(t, tt.outcome, v.Outcome, "%+v", v)
			if tt.outcome == Compiled {
				require.NoError(t, v.Err())
				return
			}
			require.ErrorIs(t, v.Err(), ErrRefused)
			require.ErrorContains(t, v.Err(), tt.want)
		})
	}
	t.Run("fault", func(t *testing.T) {
		_, err := CompileInChild(t.Context(), Job{Path: "model.mil", Options: Options{Mask: 7}})
		require.ErrorContains(t, err, "only 0x4")
	})
	t.Run("stopped", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := CompileInChild(ctx, Job{Path: "model.mil"})
		require.ErrorIs(t, err, context.Canceled)
	})
	t.Run("no verdict", func(t *testing.T) {
		_, err := verdict(Job{Path: "model.mil"}, "hello\n", "", nil)
		require.ErrorContains(t, err, "MaybeChild")
	})
}

func TestPlacement(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	tests := []struct {
		name string
		fsys fstest.MapFS
		want Placement
		ane  bool
	}{
		{"ane", fstest.MapFS{
			"H13C.bundle/main/main_ane/model.hwx": file(""),
			"H13C.bundle/analytics.mil":           file(`x = relu()[SelectedBackend = string("ane")]; y = add()[SelectedBackend = string("ane")];`),
		}, Placement{"H13C.bundle", []string{"main/main_ane"}, []string{"ane"}}, true},
		{"dictionary", fstest.MapFS{
			"c/H17S.bundle/main/main_ane/analytics.mil": file(`{{"SelectedBackend", "ane"}}`),
		}, Placement{"c/H17S.bundle", []string{"main/main_ane"}, []string{"ane"}}, true},
		{"one op on the CPU", fstest.MapFS{
			"H13C.bundle/main/main_ane/x":    file(""),
			"H13C.bundle/main/main_bnns/x":   file(""),
			"H13C.bundle/main/analytics.mil": file(`[SelectedBackend = string("bnns")] [SelectedBackend = string("ane")]`),
		}, Placement{"H13C.bundle", []string{"main/main_ane", "main/main_bnns"}, []string{"ane", "bnns"}}, false},
		{"no analytics", fstest.MapFS{
			"H13C.bundle/main/main_ane/x": file(""),
		}, Placement{Bundle: "H13C.bundle", Parts: []string{"main/main_ane"}}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ReadPlacement(tt.fsys)
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
			require.Equal(t, tt.ane, got.OnANE())
		})
	}
	_, err := ReadPlacement(fstest.MapFS{"x": file("")})
	require.ErrorContains(t, err, "no *.bundle")
	_, err = ReadPlacement(fstest.MapFS{"a.bundle/x": file(""), "b.bundle/x": file("")})
	require.ErrorContains(t, err, "two bundles")
}

// FuzzVerdict: whatever a child prints, there is a verdict or an error, and
// only a whole report makes a program compiled.
func FuzzVerdict(f *testing.F) {
	f.Add("\ne5rt-verdict: {}\n", "", false)
	f.Add("noise\ne5rt-verdict: {\"Refusal\":{\"Code\":11}}\n", "log", false)
	f.Add("e5rt-verdict: {\"Fault\":\"no library\"}", "", false)
	f.Add("e5rt-verdict: {", "SIGABRT: abort\nPC=0", true)
	f.Fuzz(func(t *testing.T, stdout, stderr string, died bool) {
		var exit error
		if died {
			exit = errors.New("exit status 2")
		}
		v, err := verdict(Job{Path: "model.mil"}, stdout, stderr, exit)
		_, reported := findReport(stdout)
		switch {
		case err != nil:
		case v.Outcome == Compiled && (!reported || v.Err() != nil),
			v.Outcome == Refused && v.Refusal == nil,
			v.Outcome == Crashed && (reported || v.Crash == ""):
			t.Fatalf("stdout %q, stderr %q, died %v: %+v", stdout, stderr, died, v)
		}
	})
}
