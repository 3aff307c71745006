package power

import (
	"math"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"howett.net/plist"
)

// decoded is a document by a general decoder: the oracle of plistScan.
type decoded struct {
	Elapsed   any            `plist:"elapsed_ns"`
	Thermal   any            `plist:"thermal_pressure"`
	Processor map[string]any `plist:"processor"`
	GPU       map[string]any `plist:"gpu"`
}

// scalars reads what the decoder found under our keys.
func (d decoded) scalars() map[string]float64 {
	out := map[string]float64{}
	take := func(name string, x any) {
		switch x := x.(type) {
		case uint64:
			out[name] = float64(x)
		case int64:
			out[name] = float64(x)
		case float64:
			out[name] = x
		}
	}
	take("/elapsed_ns", d.Elapsed)
	for key, x := range d.Processor {
		take("processor/"+key, x)
	}
	take("gpu/gpu_energy", d.GPU["gpu_energy"])
	return out
}

// scanned collects the scalars of a document by plistScan.
func scanned(doc []byte) (map[string]float64, error) {
	out := map[string]float64{}
	s := plistScan{b: doc, scalar: func(dict, key, kind string, text []byte) {
		v, ok := plistNumber(text)
		if ok && kind != "string" && (dict == "processor" || dict == "" && key == "elapsed_ns" || dict == "gpu" && key == "gpu_energy") {
			out[dict+"/"+key] = v
		}
	}}
	return out, s.document()
}

// TestScanMeetsGeneralDecoder reads every plist capture both ways.
func TestScanMeetsGeneralDecoder(t *testing.T) {
	for file := range plistCaptures {
		t.Run(filepath.Base(file), func(t *testing.T) {
			n := 0
			s := &docSplitter{problem: func(err error) { t.Error(err) }, emit: func(doc []byte) {
				n++
				var want decoded
				_, err := plist.Unmarshal(doc, &want)
				require.NoError(t, err)
				got, err := scanned(doc)
				require.NoError(t, err)
				require.Equal(t, want.scalars(), got)
			}}
			s.feed(capture(t, file))
			require.Equal(t, len(plistCaptures[file]), n, "documents")
		})
	}
}

func TestScanRefuses(t *testing.T) {
	tests := []struct{ doc, want string }{
		{"", "ends within an element"},
		{"<plist><dict><key>a</key>", "ends within an element"},
		{"<plist><array/></plist>", "root is <array>"},
		{"<plist><dict><key>a</key></dict></plist>", `key "a" has no value`},
		{"<plist><dict><integer>1</integer></dict></plist>", "wants a <key>"},
		{"<plist><dict><key>a<integer>1</integer></dict></plist>", `key "a" is not closed`},
		{"<plist><dict><key>a</key><integer>1</real></dict></plist>", "<integer> is not closed"},
		{"<plist><dict><key>a</key><array><dict></array></dict></dict></plist>", "</array> closes <dict>"},
		{"<plist><html></plist>", "is no element of a property list"},
		{"<plist><!-- <dict>", "ends within an element"},
	}
	for _, tt := range tests {
		_, err := scanned([]byte(tt.doc))
		require.ErrorContains(t, err, tt.want, tt.doc)
	}
}

// FuzzScan: what both accept, both read alike.
func FuzzScan(f *testing.F) {
	f.Add([]byte(doc(7)))
	f.Add([]byte("<plist><dict><key>processor</key><dict><key>cpu_power</key><real>1e3</real></dict></dict></plist>"))
	f.Add([]byte("<plist><!-- x --><dict><key>gpu</key><dict><key>gpu_energy</key><integer> 7 </integer></dict></dict></plist>"))
	f.Add([]byte("<plist><dict><key>a</key><array><dict/><true/></array></dict></plist>"))
	f.Fuzz(func(t *testing.T, doc []byte) {
		got, err := scanned(doc)
		if err != nil {
			return
		}
		var d decoded
		if format, err := plist.Unmarshal(doc, &d); err != nil || format != plist.XMLFormat {
			return
		}
		want := d.scalars()
		for name, v := range got {
			if w, ok := want[name]; ok && v != w && !(math.IsNaN(v) && math.IsNaN(w)) {
				t.Fatalf("%s = %v, the general decoder reads %v", name, v, w)
			}
		}
	})
}
