package figures

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/recorder"

	"devicemap/results"
)

func published(t *testing.T) *results.File {
	t.Helper()
	f, err := results.Load("../../results/M5.txt")
	require.NoError(t, err)
	return f
}

// measured is a host with two CPU libraries and a GPU, six samples of an arm,
// and no ANE.
func measured(t *testing.T) *results.File {
	t.Helper()
	f, err := results.Load("testdata/two_libraries.txt")
	require.NoError(t, err)
	require.Empty(t, f.Warnings)
	return f
}

func all(t *testing.T, f *results.File) []Figure {
	t.Helper()
	list, missing, err := All(f)
	require.NoError(t, err)
	require.Empty(t, missing)
	return list
}

func svg(t *testing.T, f Figure) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, f.Encode(&b, "svg"))
	return b.String()
}

// TestFiguresOfM5: each figure names its host, its source and its units, and
// shows every engine in its colour.
func TestFiguresOfM5(t *testing.T) {
	const cpu, gpu, ane = "#0072B2", "#D55E00", "#009E73"
	want := map[string][]string{
		"figure1-device-map": {"Figure 1. The device map", "milliseconds (left is better)", "stencil-5pt", "GPU-MPS fp32", cpu, gpu, ane},
		"figure2-ceilings":   {"GFLOP/s, minimum latency", "GFLOP/s per watt, sustained", "÷ 2.09", "6144", cpu, gpu, ane},
		"figure3-bandwidth":  {"GB/s, minimum latency", "bytes moved in one run", "layer_norm", "weights: x[1,K]", cpu, gpu, ane},
		"figure4-rooflines":  {"CPU fp32: ridge 14.6 FLOP/byte", "GPU fp16: ridge 134 FLOP/byte", "ANE fp16: ridge 424 FLOP/byte", "12 GEMV M=1", cpu, gpu, ane},
		"figure5-serving":    {"items/s per watt, sustained", "B≈33 (23)", "B≈2.4 (5.9)", "B≈3.6 (5.2)", gpu, ane},
	}
	list := all(t, published(t))
	require.Len(t, list, len(want))
	for _, figure := range list {
		text := svg(t, figure)
		for _, part := range append(want[figure.Name], "Host: M5 Pro, 20 GPU cores", "Source: published (arXiv:2606.22283)", "Power: the system", "on-die estimate") {
			if !strings.Contains(strings.ReplaceAll(text, "&#39;", "'"), part) {
				t.Errorf("%s lacks %q", figure.Name, part)
			}
		}
	}
}

// word is a text on the page with its box.
type word struct {
	text string
	box  vg.Rectangle
}

// words lists the upright texts of a figure, and the ends of the turned ones.
func words(t *testing.T, f Figure) []word {
	t.Helper()
	var c recorder.Canvas
	f.draw(draw.NewCanvas(&c, f.Width, f.Height))
	var list []word
	turned := 0.0
	var stack []float64
	for _, action := range c.Actions {
		switch a := action.(type) {
		case *recorder.Push:
			stack = append(stack, turned)
		case *recorder.Pop:
			turned, stack = stack[len(stack)-1], stack[:len(stack)-1]
		case *recorder.Rotate:
			turned += a.Angle
		case *recorder.FillString:
			if turned != 0 || strings.TrimSpace(a.String) == "" {
				continue
			}
			style := draw.TextStyle{Font: a.Font, Handler: handler}
			width := style.Width(a.String)
			list = append(list, word{a.String, vg.Rectangle{
				Min: vg.Point{X: a.Point.X, Y: a.Point.Y},
				Max: vg.Point{X: a.Point.X + width, Y: a.Point.Y + 0.7*a.Font.Size},
			}})
		}
	}
	require.Greater(t, len(list), 10, f.Name)
	return list
}

// TestTextsAreReadable: no text leaves the page or covers another one.
func TestTextsAreReadable(t *testing.T) {
	for _, f := range []*results.File{published(t), measured(t)} {
		for _, figure := range all(t, f) {
			list := words(t, figure)
			for i, a := range list {
				if a.box.Min.X < 0 || a.box.Min.Y < 0 || a.box.Max.X > figure.Width || a.box.Max.Y > figure.Height {
					t.Errorf("%s of %s: %q leaves the page: %v", figure.Name, f.Name, a.text, a.box)
				}
				for _, b := range list[:i] {
					if a.box.Min.X < b.box.Max.X && b.box.Min.X < a.box.Max.X && a.box.Min.Y < b.box.Max.Y && b.box.Min.Y < a.box.Max.Y {
						t.Errorf("%s of %s: %q covers %q", figure.Name, f.Name, a.text, b.text)
					}
				}
			}
		}
	}
}

// TestPNG: the bitmap has the page's size, a white rim and ink of all engines.
func TestPNG(t *testing.T) {
	figure := all(t, published(t))[1] // the one with a line for every engine
	var b bytes.Buffer
	require.NoError(t, figure.Encode(&b, "png"))
	img, err := png.Decode(&b)
	require.NoError(t, err)
	want := image.Pt(int(float64(figure.Width)*resolution/72), int(float64(figure.Height)*resolution/72))
	if got := img.Bounds().Size(); got.Sub(want).X < -1 || got.Sub(want).X > 1 || got.Sub(want).Y < -1 || got.Sub(want).Y > 1 {
		t.Errorf("size %v, want %v", got, want)
	}
	count := map[color.NRGBA]int{}
	for y := range img.Bounds().Max.Y {
		for x := range img.Bounds().Max.X {
			count[color.NRGBAModel.Convert(img.At(x, y)).(color.NRGBA)]++
		}
	}
	for _, c := range []color.NRGBA{blue, vermilion, green} {
		if count[c] < 100 {
			t.Errorf("%d pixels of %v", count[c], c)
		}
	}
	if got := color.NRGBAModel.Convert(img.At(1, 1)); got != (color.NRGBA{0xff, 0xff, 0xff, 0xff}) {
		t.Errorf("the rim is %v, want opaque white", got)
	}
}

// TestRepeatable: the same file gives the same bytes.
func TestRepeatable(t *testing.T) {
	first, again := all(t, published(t)), all(t, published(t))
	for i := range first {
		if svg(t, first[i]) != svg(t, again[i]) {
			t.Errorf("%s differs", first[i].Name)
		}
	}
}

// TestSampleRanges: an arm with several samples has a bar from the lowest to
// the highest, one with a single sample has none.
func TestSampleRanges(t *testing.T) {
	arms := measured(t).Points(results.MapBench)
	at, ok := pointOf(arms[0], 7, results.MinNsPerOp)
	require.True(t, ok)
	require.Equal(t, point{7, 100.5, 98, 104}, at)
	one, ok := pointOf(published(t).Points(results.MapBench)[0], 1, results.MinNsPerOp)
	require.True(t, ok)
	require.Equal(t, one.low, one.high)
	_, ok = pointOf(arms[0], 1, results.GFLOPS)
	require.False(t, ok)

	bars := func(p point) int {
		var c recorder.Canvas
		pane := panel("", "", "")
		pane.Add(curve{points: []point{p}, glyph: look{color: blue}.glyph()})
		pane.X.Min, pane.X.Max, pane.Y.Min, pane.Y.Max = 0, 10, 0, 200
		before := len(c.Actions)
		curve{points: []point{p}, glyph: look{color: blue}.glyph()}.Plot(draw.NewCanvas(&c, 100, 100), pane.Plot)
		strokes := 0
		for _, a := range c.Actions[before:] {
			if _, ok := a.(*recorder.Stroke); ok {
				strokes++
			}
		}
		return strokes
	}
	require.Equal(t, 3, bars(at)-bars(one), "a bar with two ends")
}

// TestLooks: one colour for a kind, marks tell its libraries apart, hollow
// ones are wider than fp16.
func TestLooks(t *testing.T) {
	engines := measured(t).Engines(results.MapBench)
	by := looks(engines)
	require.Len(t, by, 4)
	require.Equal(t, look{blue, 0, true}, by[results.Engine{Device: "CPU", DType: "fp32"}])
	require.Equal(t, look{blue, 1, true}, by[results.Engine{Device: "CPU-openblas", DType: "fp32"}])
	require.Equal(t, look{vermilion, 0, true}, by[results.Engine{Device: "GPU-cuda", DType: "fp32"}])
	require.Equal(t, look{vermilion, 0, false}, by[results.Engine{Device: "GPU-cuda", DType: "fp16"}])
}

// TestWrite writes both formats of every figure, in less time than the ten
// seconds that the analysis of a file may take.
func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	start := time.Now()
	paths, missing, err := Write(dir, published(t))
	require.NoError(t, err)
	require.Empty(t, missing)
	require.Len(t, paths, 10)
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
	for _, path := range paths {
		info, err := os.Stat(path)
		require.NoError(t, err)
		if info.Size() < 5000 {
			t.Errorf("%s has %d bytes", path, info.Size())
		}
	}
}

func TestMissingAndBadInput(t *testing.T) {
	f, err := results.Load("../../results/M1.txt")
	require.NoError(t, err)
	list, missing, err := All(f)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Len(t, missing, 4)
	if want := "results: ../../results/M1.txt has no rows of Serving; run first: go test -bench Serving"; missing[3].Error() != want {
		t.Errorf("missing: %v, want %s", missing[3], want)
	}

	bad, err := results.Read(strings.NewReader("BenchmarkDeviceMap/workload=w/device=CPU/dtype=fp32 1 0 min-ns/op\n"), "f.txt")
	require.NoError(t, err)
	_, _, err = Write(t.TempDir(), bad)
	if want := "results: f.txt:1: min-ns/op is 0; leave out what was not measured"; err == nil || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
	_, _, err = Write("figures_test.go", published(t))
	if err == nil || !strings.HasPrefix(err.Error(), "figures: cannot make the folder: ") {
		t.Errorf("a file for a folder: %v", err)
	}
	if err := list[0].Encode(&bytes.Buffer{}, "gif"); err == nil || err.Error() != `figures: format "gif", want one of [svg png]` {
		t.Errorf("error %v", err)
	}
}

func TestTicks(t *testing.T) {
	labels := func(low, high float64) string {
		var list []string
		for _, tick := range (decades{}).Ticks(low, high) {
			if tick.Label != "" {
				list = append(list, tick.Label)
			}
		}
		return strings.Join(list, " ")
	}
	tests := []struct {
		low, high float64
		want      string
	}{
		{0.02, 1.2, "0.02 0.05 0.1 0.2 0.5 1"},
		{3, 5000, "10 100 1k"},
		{900, 3000, "1k 1.5k 2k 3k"},
		{1e6, 1e9, "1M 10M 100M 1G"},
	}
	for _, tt := range tests {
		if got := labels(tt.low, tt.high); got != tt.want {
			t.Errorf("%v to %v: %s, want %s", tt.low, tt.high, got, tt.want)
		}
	}
	got := ""
	for _, tick := range sizeTicks([]int{512, 8192, 262144, 1 << 20, 67108864}) {
		got += tick.Label + " "
	}
	if want := "512 8192 256Ki 1Mi 64Mi "; got != want {
		t.Errorf("sizes %s, want %s", got, want)
	}
}
