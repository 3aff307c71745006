package corpus

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// printed is one row of testdata/fingerprints.tsv.
type printed struct {
	category, name string
	arrays, values string
	crc            [2]string // by Scaling
	shape          string
	maxAbs         float64
	mean, rms      float64
}

func fingerprints(t *testing.T) (rows []printed) {
	t.Helper()
	text, err := os.ReadFile("testdata/fingerprints.tsv")
	require.NoError(t, err)
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n")[3:] {
		f := strings.Split(line, "\t")
		require.Len(t, f, 10, line)
		p := printed{category: f[0], name: f[1], arrays: f[2], values: f[3], crc: [2]string{f[4], f[5]}, shape: f[6]}
		for i, dst := range []*float64{&p.maxAbs, &p.mean, &p.rms} {
			*dst, err = strconv.ParseFloat(f[7+i], 64)
			require.NoError(t, err)
		}
		rows = append(rows, p)
	}
	return rows
}

// TestInputsAreThePublishedOnes proves every drawn bit under both of NumPy's
// scaling rules.
func TestInputsAreThePublishedOnes(t *testing.T) {
	rows := fingerprints(t)
	differ := 0
	for rule, name := range map[Scaling]string{NumPy1: "NumPy1", NumPy2: "NumPy2"} {
		cases := New(rule).Cases()
		require.Len(t, cases, len(rows))
		for i, c := range cases {
			want := rows[i]
			f := c.Fingerprint()
			if c.Name != want.name || c.Category != want.category {
				t.Fatalf("case %d is %s/%s, want %s/%s", i, c.Category, c.Name, want.category, want.name)
			}
			got := [3]string{strconv.Itoa(f.Arrays), strconv.Itoa(f.Values), fmt.Sprintf("%08x", f.CRC)}
			if got != [3]string{want.arrays, want.values, want.crc[rule]} {
				t.Errorf("%s %s: %v, want %s arrays, %s values, CRC %s", name, c.Name, f, want.arrays, want.values, want.crc[rule])
			}
			if want.crc[0] != want.crc[1] {
				differ++
			}
		}
	}
	if differ != 2*12 {
		t.Errorf("%d cases depend on the scaling rule, want 12", differ/2)
	}
}

// TestReferencesAreThePublishedOnes holds shape and statistics of every
// reference to the published ones, which another program computed in float32.
func TestReferencesAreThePublishedOnes(t *testing.T) {
	for i, want := range fingerprints(t) {
		c := shared().Cases()[i]
		t.Run(c.Name, func(t *testing.T) {
			g, err := c.Graph(FP16)
			require.NoError(t, err)
			var dims []string
			for _, d := range g.Outputs[0].Value.Shape {
				dims = append(dims, strconv.Itoa(d))
			}
			if got := strings.Join(dims, "x"); got != want.shape {
				t.Errorf("shape %s, want %s", got, want.shape)
			}
			ref, err := c.Reference()
			require.NoError(t, err)
			var top, sum, squares float64
			for _, v := range ref {
				top, sum, squares = max(top, math.Abs(v)), sum+v, squares+v*v
			}
			n := float64(len(ref))
			for _, s := range []struct {
				name      string
				got, want float64
			}{{"max abs", top, want.maxAbs}, {"mean", sum / n, want.mean}, {"rms", math.Sqrt(squares / n), want.rms}} {
				if math.Abs(s.got-s.want) > 2e-5*max(math.Abs(s.want), want.rms) {
					t.Errorf("%s = %.6g, want %.6g", s.name, s.got, s.want)
				}
			}
		})
	}
}

// TestArgmaxIndices holds the one published reference that is given in full.
func TestArgmaxIndices(t *testing.T) {
	got, err := find(t, "corner", "conv_to_argmax_cut").Reference()
	require.NoError(t, err)
	require.Equal(t, []float64{5, 5, 2, 2}, got)
}
