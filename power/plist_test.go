package power

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// doc is a small plist document as powermetrics prints it; k tells documents
// apart.
func doc(k int) string {
	return fmt.Sprintf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"+
		"<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n"+
		"<plist version=\"1.0\">\n<dict>\n<key>elapsed_ns</key><integer>%d</integer>\n"+
		"<key>processor</key>\n<dict>\n<key>cpu_energy</key><integer>%d</integer>\n</dict>\n</dict>\n</plist>\n", 1_000_000_000, k)
}

func TestDocumentStream(t *testing.T) {
	tests := []struct {
		name   string
		stream string
		want   []float64 // mJ of the CPU per document
		doubts int
	}{
		{"NUL between", doc(1) + "\x00" + doc(2) + "\x00" + doc(3), []float64{1, 2, 3}, 0},
		{"NUL first", "\x00" + doc(1) + "\x00" + doc(2), []float64{1, 2}, 0},
		{"NUL last", doc(1) + "\x00" + doc(2) + "\x00", []float64{1, 2}, 0},
		{"NUL doubled", doc(1) + "\x00\x00" + doc(2), []float64{1, 2}, 0},
		{"plain concatenation", doc(1) + doc(2), []float64{1, 2}, 0},
		{"last document truncated", doc(1) + "\x00" + doc(2)[:200], []float64{1}, 0},
		{"truncated in the middle", doc(1) + "\x00" + doc(2)[:200] + "\x00" + doc(3), []float64{1, 3}, 1},
		{"malformed in the middle", doc(1) + "\x00<plist><dict></plist>\x00" + doc(3), []float64{1, 3}, 1},
		{"wrong kind of value", "<plist><array/></plist>" + doc(2), []float64{2}, 1},
		{"no elapsed time", strings.Replace(doc(1), "elapsed_ns", "other", 1) + doc(2), []float64{2}, 1},
		{"elapsed time of zero", strings.Replace(doc(1), "1000000000", "0", 1) + doc(2), []float64{2}, 1},
		{"too long", "<plist>" + strings.Repeat("y", maxDocument) + "</plist>" + doc(2), []float64{2}, 1},
		{"empty", "", nil, 0},
	}
	for _, tt := range tests {
		for _, chunk := range []int{1, 7, 4096, 1 << 22} {
			if chunk == 1 && len(tt.stream) > 1<<16 {
				continue // quadratic in nothing but the test's patience
			}
			t.Run(fmt.Sprintf("%s/%d", tt.name, chunk), func(t *testing.T) {
				var got []float64
				doubts := 0
				feed := documentReader(
					func(r report) { got = append(got, r.mJ.v[CPU]) },
					func(error) { doubts++ })
				for s := []byte(tt.stream); len(s) > 0; {
					n := min(chunk, len(s))
					feed(s[:n])
					s = s[n:]
				}
				require.Equal(t, tt.want, got)
				if doubts != tt.doubts {
					t.Errorf("doubts = %d, want %d", doubts, tt.doubts)
				}
			})
		}
	}
}

// TestDocumentEndsWithoutItsNUL: the separator comes with the next document, an
// interval later, so it must not be waited for.
func TestDocumentEndsWithoutItsNUL(t *testing.T) {
	got := 0
	feed := documentReader(func(report) { got++ }, func(err error) { t.Error(err) })
	feed([]byte(strings.TrimSpace(doc(1))))
	if got != 1 {
		t.Errorf("documents after </plist> = %d, want 1", got)
	}
}

func TestRepeatedKey(t *testing.T) {
	const text = `<plist><dict><key>elapsed_ns</key><integer>1000000000</integer>
		<key>gpu</key><dict><key>idle_ratio</key><real>0.5</real><key>gpu_energy</key><integer>7</integer>
		<key>idle_ratio</key><real>0.5</real></dict></dict></plist>`
	r, err := parseDocument([]byte(text))
	require.NoError(t, err)
	if mW, ok := r.mW.get(GPU); !ok || mW != 7 {
		t.Errorf("GPU = %v mW, %v, want 7", mW, ok)
	}
}

// TestOddNumbers: what is no power is no rail, and integers pass for reals.
func TestOddNumbers(t *testing.T) {
	const text = `<plist><dict><key>elapsed_ns</key><integer>500000000</integer><key>processor</key><dict>
		<key>cpu_power</key><integer>12</integer><key>gpu_power</key><real>nan</real>
		<key>ane_power</key><real>-3</real><key>dram_power</key><string>5</string></dict></dict></plist>`
	r, err := parseDocument([]byte(text))
	require.NoError(t, err)
	want := map[Rail]float64{CPU: 12}
	for rail := range numRails {
		got, ok := r.mW.get(Rail(rail))
		w, has := want[Rail(rail)]
		if got != w || ok != has {
			t.Errorf("%v = %v, %v, want %v, %v", Rail(rail), got, ok, w, has)
		}
	}
}

// FuzzDocuments: whatever comes, cut anywhere, the reader neither panics nor
// emits a sample without a length or with a power below zero, and the cut does
// not change what it finds.
func FuzzDocuments(f *testing.F) {
	f.Add([]byte(doc(1)+"\x00"+doc(2)), 10)
	f.Add([]byte("\x00\x00<plist></plist></plist>\x00"), 1)
	f.Add([]byte("<plist><integer>-</integer></plist>"), 3)
	f.Add([]byte("<plist><dict><key>elapsed_ns</key><integer>0x</integer></dict></plist>"), 5)
	f.Fuzz(func(t *testing.T, stream []byte, cut int) {
		read := func(parts ...[]byte) (all []report) {
			feed := documentReader(func(r report) {
				if r.elapsed <= 0 {
					t.Fatalf("elapsed = %v", r.elapsed)
				}
				for rail, v := range r.mW.v {
					if v < 0 || math.IsNaN(v) || math.IsInf(v, 0) {
						t.Fatalf("%v = %v mW", Rail(rail), v)
					}
				}
				all = append(all, r)
			}, func(error) {})
			for _, p := range parts {
				feed(bytes.Clone(p))
			}
			return all
		}
		if cut < 0 || cut > len(stream) {
			cut = len(stream) / 2
		}
		whole, parts := read(stream), read(stream[:cut], stream[cut:])
		if fmt.Sprint(whole) != fmt.Sprint(parts) {
			t.Fatalf("cut at %d: %v, in one piece: %v", cut, parts, whole)
		}
	})
}

// FuzzText: no panic, no power beyond 32 bits of mW, no negative length.
func FuzzText(f *testing.F) {
	f.Add(string(capture(f, "macos11_m1_macmini_20D80_text_1s.txt")))
	f.Add(string(capture(f, "macos26_m4pro_25G83_text_1s_thermal_trimmed.txt")))
	f.Add("*** Sampled system activity (x) (1e400ms elapsed) ***\n**** Processor usage ****\nCPU Power: 99999999999999 mW\n")
	f.Fuzz(func(t *testing.T, text string) {
		check := func(r report) {
			if r.elapsed < 0 {
				t.Fatalf("elapsed = %v", r.elapsed)
			}
			for rail, v := range r.mW.v {
				if !(v >= 0 && v < 1<<32) {
					t.Fatalf("%v = %v mW", Rail(rail), v)
				}
			}
		}
		for _, r := range parseText(text) {
			check(r)
		}
		lineReader(check, func(error) {})([]byte(text))
	})
}

// TestLineReaderDoesNotWaitForTheNextSample: the line of the package closes it.
func TestLineReaderDoesNotWaitForTheNextSample(t *testing.T) {
	var got []float64
	feed := lineReader(func(r report) { got = append(got, r.mW.v[Package]) }, func(err error) { t.Error(err) })
	text := string(capture(t, "macos26_m4pro_25G83_text_1s_thermal_trimmed.txt"))
	first, rest, found := strings.Cut(text, "Combined Power (CPU + GPU + ANE): 40 mW\n")
	require.True(t, found)
	feed([]byte(first))
	require.Empty(t, got)
	feed([]byte("Combined Power (CPU + GPU + ANE): 40 mW\n"))
	require.Equal(t, []float64{40}, got)
	feed([]byte(rest))
	require.Equal(t, []float64{40, 12}, got)
}

// TestDeepDocument: the nesting that fits into the longest document is an error
// and no stack overflow.
func TestDeepDocument(t *testing.T) {
	const open = "<array>"
	deep := "<plist>" + strings.Repeat(open, (maxDocument-100)/len(open)) + "</plist>"
	if r, err := parseDocument([]byte(deep)); err == nil {
		t.Errorf("report = %+v, want an error", r)
	}
}
