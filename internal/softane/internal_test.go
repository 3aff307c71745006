package softane

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/internal/fp16"
)

const reluText = `program(1.3)
[buildInfo = dict<string, string>({{"coremlc-version", "3520.5.1"}})]
{
    func main<ios18>(tensor<fp16, [2, 48]> inp) {
        tensor<fp16, [2, 48]> res = relu(x = inp)[name = string("res")];
    } -> (res);
}
`

func testChip(t *testing.T) target {
	t.Helper()
	c, err := chipOf(H13)
	require.NoError(t, err)
	return c
}

// TestRunAllocatesNothing: all memory of a small program is planned when it is
// loaded.
func TestRunAllocatesNothing(t *testing.T) {
	p, bad := compileText(reluText, nil, testChip(t))
	require.Nil(t, bad)
	r := p.instance()
	r.in[0], r.out[0] = make([]byte, 192), make([]byte, 192)
	require.Zero(t, testing.AllocsPerRun(100, r.run))
}

// TestNarrowRounding compares narrow with the nearest halves, ties away from
// zero, found through fp16's own grid.
func TestNarrowRounding(t *testing.T) {
	for h := uint16(0); h < 0x7bff; h++ {
		lo, hi := fp16.Float32(h), fp16.Float32(h+1)
		mid := lo + (hi-lo)/2 // exact: one more bit
		for _, tt := range []struct{ x, want float32 }{
			{lo, lo}, {mid, hi}, {math.Nextafter32(mid, lo), lo}, {math.Nextafter32(mid, hi), hi}, {hi, hi},
		} {
			if got := narrow(tt.x); got != tt.want {
				t.Fatalf("narrow(%g) = %g, want %g", tt.x, got, tt.want)
			}
			if got := narrow(-tt.x); got != -tt.want {
				t.Fatalf("narrow(%g) = %g, want %g", -tt.x, got, -tt.want)
			}
		}
	}
	require.Equal(t, float32(65504), narrow(65519))
	require.Equal(t, float32(math.Inf(1)), narrow(65520))
	require.Equal(t, float32(math.Inf(-1)), narrow(-70000))
	nan := narrow(float32(math.NaN()))
	require.True(t, nan != nan)
}

// TestViewsAgainstIndexing compares a cut, repeated and permuted view with
// index arithmetic.
func TestViewsAgainstIndexing(t *testing.T) {
	src := make([]float32, 2*3*5)
	for i := range src {
		src[i] = float32(i)
	}
	v := whole([]int{2, 3, 5}).cut(2, 4, 2, -3).repeat(1, 2).permute([]int{3, 0, 1, 2})
	require.Equal(t, []int{2, 2, 2, 3}, v.dims)
	got := make([]float32, elems(v.dims))
	v.copyTo(got, src)
	at := 0
	for c := range 2 {
		for a := range 2 {
			for range 2 {
				for b := range 3 {
					if want := src[a*15+b*5+4-3*c]; got[at] != want {
						t.Fatalf("element %d: got %g, want %g", at, got[at], want)
					}
					at++
				}
			}
		}
	}
}

// TestHandleMistakes calls the functions behind the C interface with handles
// that no correct caller has.
func TestHandleMistakes(t *testing.T) {
	e, err := New(H13)
	require.NoError(t, err)
	var buf, st handle
	require.Nil(t, e.allocBuffer(&buf, 64, 0))
	require.Nil(t, e.add(Stream, new(stream), &st))
	freed := buf
	tests := []struct {
		name string
		call func() *refusal
		code status
		want string
	}{
		{"null", func() *refusal { return e.execute(0) }, badArgument, "stream is NULL"},
		{"wrong kind", func() *refusal { return e.execute(buf) }, badArgument, "want a stream, got a buffer"},
		{"garbage", func() *refusal { return e.execute(0x7fff12345678) }, badArgument, "no handle"},
		{"nothing encoded", func() *refusal { return e.execute(st) }, badOperation, "no encoded operation"},
		{"buffer type 3", func() *refusal { return e.allocBuffer(new(handle), 64, 3) }, badType, "Invalid BufferType"},
		{"empty buffer", func() *refusal { return e.allocBuffer(new(handle), 0, 0) }, badArgument, "0 bytes"},
		{"huge buffer", func() *refusal { return e.allocBuffer(new(handle), 1<<60, 0) }, noMemory, "exceeds"},
		{"no result cell", func() *refusal { return e.allocBuffer(nil, 64, 0) }, badArgument, "result cell"},
		{"null function", func() *refusal { return e.createOperationOptions(new(handle), 0) }, badArgument,
			"Cannot provide program function as nullptr. @ Create"},
		{"null config", func() *refusal { return e.createCompiler(new(handle), 0) }, badArgument, "compiler config is NULL"},
		{"release of null cell", func() *refusal { _, bad := e.drop(Buffer, nil); return bad }, badArgument, "is NULL"},
		{"release", func() *refusal { _, bad := e.drop(Buffer, &buf); return bad }, 0, ""},
		{"release twice", func() *refusal { c := freed; _, bad := e.drop(Buffer, &c); return bad }, badOperation, "released buffer"},
		{"release of a nulled cell", func() *refusal { _, bad := e.drop(Buffer, &buf); return bad }, badArgument, "buffer is NULL"},
		{"use after release", func() *refusal { return e.bufferData(freed, nil) }, badOperation, "released buffer was used"},
		{"last release", func() *refusal { _, bad := e.drop(Stream, &st); return bad }, 0, ""},
	}
	for _, tt := range tests {
		bad := tt.call()
		if tt.code == 0 {
			require.Nil(t, bad, tt.name)
			continue
		}
		require.NotNil(t, bad, tt.name)
		require.Equal(t, tt.code, bad.status, tt.name)
		require.Contains(t, bad.text, tt.want, tt.name)
	}
	require.NoError(t, e.Close())
}

// TestHandlesOfAClosedEngine do not fit the engine that takes over its callbacks.
func TestHandlesOfAClosedEngine(t *testing.T) {
	first, err := New(H13)
	require.NoError(t, err)
	var h handle
	require.Nil(t, first.allocBuffer(&h, 64, 0))
	old := h
	_, bad := first.drop(Buffer, &h)
	require.Nil(t, bad)
	require.NoError(t, first.Close())
	second, err := New(H16)
	require.NoError(t, err)
	require.Nil(t, second.allocBuffer(&h, 64, 0))
	require.NotEqual(t, old, h)
	_, bad = second.drop(Buffer, &h)
	require.Nil(t, bad)
	require.NoError(t, second.Close())
}

// TestPlanKeepsLiveValuesApart replays the plan of a program and checks that
// no step writes a slot whose value is still needed.
func TestPlanKeepsLiveValuesApart(t *testing.T) {
	p := &program{inputs: []portInfo{{value: 0}, {value: 1}}}
	for range 2 {
		p.values = append(p.values, valueInfo{elems: 8})
	}
	for i := 2; i < 200; i++ {
		p.values = append(p.values, valueInfo{elems: 1 + i*7%13})
		p.steps = append(p.steps, step{in: []int{i - 1, i * 5 % i, i - 1}, out: []int{i}})
	}
	p.outputs = []portInfo{{value: 199}, {value: 100}}
	pl, last := newPlan(p), lastUses(p)
	holder := map[int]int{} // slot → value
	for _, in := range p.inputs {
		holder[pl.slotOf[in.value]] = in.value
	}
	for i, s := range p.steps {
		for _, v := range s.in {
			require.Equal(t, v, holder[pl.slotOf[v]], "step %d reads value %d", i, v)
		}
		for _, v := range s.out {
			slot := pl.slotOf[v]
			require.GreaterOrEqual(t, pl.sizes[slot], p.values[v].elems)
			if old, ok := holder[slot]; ok && last[old] >= i {
				t.Fatalf("step %d overwrites value %d, used until step %d", i, old, last[old])
			}
			holder[slot] = v
		}
	}
	for _, o := range p.outputs {
		require.Equal(t, o.value, holder[pl.slotOf[o.value]])
	}
	require.Less(t, len(pl.sizes), 100, "slots for 200 values")
}
