package corpus

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/device"
	"devicemap/internal/fp16"
	"devicemap/internal/graph"
)

// chip computes the three probes as the published numerics say: halves, a
// product that overflows at 2¹⁵, sums in halves, and on older chips a crop
// that cannot carry more than 4094.
type chip struct {
	narrowSlice bool
	op          graph.Op
	closed      *int
}

func (c chip) Close() error { *c.closed++; return nil }

func (c chip) Compute(inputs [][]float32) ([]float32, error) {
	x := inputs[0]
	var sum float64
	switch c.op.(type) {
	case graph.MatMul:
		for _, v := range x {
			sum += float64(v)
		}
		if sum = fp16.Round(sum); math.Abs(sum) >= 1<<15 {
			sum = math.Inf(1)
		}
		return repeated(float32(sum), 16), nil
	case graph.Crop:
		y := append([]float32(nil), x[1:]...)
		for i, v := range y {
			if c.narrowSlice && v > 4094 {
				y[i] = float32(math.Inf(1))
			}
		}
		return y, nil
	case graph.Reduce:
		for _, v := range x {
			if sum += float64(v); sum > 2048 { // published: 2049 reads 2050, so that ties go up
				sum = 2 * math.Floor(sum/2+0.5)
			}
		}
		return []float32{float32(sum)}, nil
	}
	return nil, errors.New("not a probe")
}

// simulated loads probes onto such a chip and counts closed programs.
func simulated(narrowSlice bool, closed *int) Loader {
	return func(g *graph.Graph) (Loaded, error) {
		return chip{narrowSlice, g.Nodes[len(g.Nodes)-1].Op, closed}, nil
	}
}

// cliffs are the three published findings of one chip.
type cliffs struct {
	matmul      map[int]Cliff
	slice       Cliff
	reduce      Cliff
	reduceGives float64
}

func findCliffs(t *testing.T, load Loader) (c cliffs) {
	t.Helper()
	var err error
	c.matmul = map[int]Cliff{}
	for _, k := range MatmulLengths() {
		c.matmul[k], err = MatmulCliff(load, k)
		require.NoError(t, err)
	}
	c.slice, err = SliceCliff(load)
	require.NoError(t, err)
	c.reduce, c.reduceGives, err = ReduceCliff(load)
	require.NoError(t, err)
	return c
}

// publishedCliffs is the M5 Pro's result file.
type publishedCliffs struct {
	Matmul struct {
		ByK []struct {
			Cliff float64
			K     int
		} `json:"by_K"`
	} `json:"matmul_saturation"`
	Slice struct {
		Expected float64 `json:"expected_pre_a16"`
	} `json:"slice_saturation"`
	Reduce struct {
		Last  float64                       `json:"last_all_exact"`
		Wrong struct{ Target, Got float64 } `json:"first_wrong"`
	} `json:"reduce_exactness"`
}

// holdToPublished compares what was found with the publication's file and with
// the row of a machine: exact says that its crops do not clamp.
func holdToPublished(t *testing.T, c cliffs, exactCrop bool) {
	t.Helper()
	text, err := os.ReadFile("testdata/numeric_cliffs.json")
	require.NoError(t, err)
	var want publishedCliffs
	require.NoError(t, json.Unmarshal(text, &want))
	require.Len(t, want.Matmul.ByK, 5)
	for _, m := range want.Matmul.ByK {
		if got := c.matmul[m.K]; !got.Found || got.Value() != m.Cliff {
			t.Errorf("matmul K=%d: %+v, published %g", m.K, got, m.Cliff)
		}
	}
	if c.slice.Found == exactCrop {
		t.Errorf("slice: %+v, published exact: %t", c.slice, exactCrop)
	}
	// 4094 is the largest half that passes; the search stops within 2 of it.
	if c.slice.Found && (fp16.Round(c.slice.Last) != want.Slice.Expected || fp16.Round(c.slice.First) <= want.Slice.Expected) {
		t.Errorf("slice: right up to %g, wrong from %g, published %g", c.slice.Last, c.slice.First, want.Slice.Expected)
	}
	r := want.Reduce
	if got := [3]float64{c.reduce.Last, c.reduce.First, c.reduceGives}; got != [3]float64{r.Last, r.Wrong.Target, r.Wrong.Got} {
		t.Errorf("reduce: %v, published %v", got, [3]float64{r.Last, r.Wrong.Target, r.Wrong.Got})
	}
}

// machine is one row of the published table of seven machines.
type machine struct {
	Chip   string
	Matmul string `json:"matmul_inf_cliff"`
	Slice  string `json:"slice_x16_cliff"`
	Reduce string `json:"reduce_exact_sum"`
}

func machines(t *testing.T) (list []machine) {
	t.Helper()
	text, err := os.ReadFile("testdata/rooflines.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &list))
	require.Len(t, list, 7)
	return list
}

// row spells what was found as the published table does.
func (c cliffs) row() (matmul, slice, reduce string) {
	matmul, slice, reduce = fmt.Sprintf("~%.0f", c.matmul[128].Value()), "exact (no clamp)", "exact"
	if c.slice.Found {
		slice = fmt.Sprintf("clamp @ %.0f", fp16.Round(c.slice.Last))
	}
	if c.reduce.Found {
		reduce = fmt.Sprintf("<= %.0f", c.reduce.Last)
	}
	return matmul, slice, reduce
}

func (m machine) hold(t *testing.T, c cliffs) {
	t.Helper()
	matmul, slice, reduce := c.row()
	if matmul != m.Matmul || slice != m.Slice || reduce != m.Reduce {
		t.Errorf("%s: %s, %s, %s; published %s, %s, %s", m.Chip, matmul, slice, reduce, m.Matmul, m.Slice, m.Reduce)
	}
}

// TestSearchesFindThePublishedCliffs runs the searches on the published
// numerics: the reported figures are theirs, down to the last digit.
func TestSearchesFindThePublishedCliffs(t *testing.T) {
	var closed int
	for _, m := range machines(t) {
		exactCrop := strings.HasPrefix(m.Slice, "exact")
		c := findCliffs(t, simulated(!exactCrop, &closed))
		holdToPublished(t, c, exactCrop)
		m.hold(t, c)
	}
	if want := 7 * 7; closed != want {
		t.Errorf("%d programs closed, want %d", closed, want)
	}
}

// TestFullPrecisionHasNoCliffs: a float32 engine passes every search.
func TestFullPrecisionHasNoCliffs(t *testing.T) {
	c := findCliffs(t, LoadOn(openCPU(t), device.FP32))
	for k, m := range c.matmul {
		if m.Found || m.Note != "still right at the high end, 40000" {
			t.Errorf("matmul K=%d: %+v", k, m)
		}
	}
	if c.slice.Found || c.reduce.Found || c.reduce.Note != "still exact at 2079" {
		t.Errorf("slice %+v, reduce %+v", c.slice, c.reduce)
	}
}

func TestBisect(t *testing.T) {
	below := func(limit float64) func(float64) (bool, error) {
		return func(v float64) (bool, error) { return v < limit, nil }
	}
	for _, tt := range []struct {
		name  string
		limit float64
		want  Cliff
	}{
		{"inside", 130, Cliff{Found: true, Last: 129.6875, First: 131.25}}, // 200/2⁷ apart
		{"low end wrong", 50, Cliff{Note: "already wrong at the low end, 100"}},
		{"high end right", 400, Cliff{Note: "still right at the high end, 300"}},
	} {
		got, err := Bisect(100, 300, below(tt.limit))
		require.NoError(t, err)
		if got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
	for n := range 5 { // an error at any call ends the search
		calls := 0
		_, err := Bisect(100, 300, func(v float64) (bool, error) {
			if calls++; calls > n {
				return false, errors.New("lost")
			}
			return v < 130, nil
		})
		if err == nil {
			t.Errorf("error at call %d is dropped", n+1)
		}
	}
}

// refusing is a loader whose programs report infinities as an error, as the
// engine on silicon does.
func refusing(load Loader) Loader {
	return func(g *graph.Graph) (Loaded, error) {
		p, err := load(g)
		return strict{p}, err
	}
}

type strict struct{ Loaded }

func (s strict) Compute(inputs [][]float32) ([]float32, error) {
	y, err := s.Loaded.Compute(inputs)
	if err == nil && !allFinite(y) {
		return nil, fmt.Errorf("output y: %w", device.ErrSaturated)
	}
	return y, err
}

func TestRefusedInfinitiesAreFound(t *testing.T) {
	var closed int
	holdToPublished(t, findCliffs(t, refusing(simulated(true, &closed))), false)
}

func TestTermsSumUp(t *testing.T) {
	for total := ReduceLow; total <= ReduceHigh; total++ {
		var sum float32
		x := terms(total)
		for _, v := range x {
			sum += v
			if v != float32(total/reduceTerms) && v != float32(total/reduceTerms+1) {
				t.Errorf("%d has the term %g", total, v)
			}
		}
		if len(x) != reduceTerms || sum != float32(total) {
			t.Errorf("%d terms sum to %g, want %d", len(x), sum, total)
		}
	}
}
