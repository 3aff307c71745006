package lower_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"devicemap/internal/graph"
	"devicemap/internal/lower"
	"devicemap/internal/mil"
)

// TestDocumentedPrograms: the graphs of the published example programs lower
// to their statements, names and the order of constants aside.
func TestDocumentedPrograms(t *testing.T) {
	tests := []struct {
		file string
		make func(b *graph.Builder)
	}{
		{"relu.mil", func(b *graph.Builder) { b.Output("res", b.Unary(graph.ReLU, b.Input("inp", 2, 48))) }},
		{"linear.mil", func(b *graph.Builder) {
			b.Output("res", b.Linear(b.Input("inp", 8, 64), constant(b, "W", 1, 32, 64), constant(b, "b", 2, 32)))
		}},
		{"conv.mil", func(b *graph.Builder) {
			c := graph.Conv{Pad: [4]int{1, 1, 1, 1}}
			b.Output("res", b.Unary(graph.ReLU, b.Conv(c, b.Input("img", 1, 3, 24, 24), constant(b, "W", 1, 16, 3, 3, 3), constant(b, "b", 2, 16))))
		}},
		{"softmax.mil", func(b *graph.Builder) { b.Output("prob", b.Softmax(b.Scale(b.Input("logits", 4, 10), 0.125))) }},
		{"layer_norm.mil", func(b *graph.Builder) {
			b.Output("res", b.LayerNorm(b.Input("inp", 4, 256), constant(b, "gam", 1, 256), constant(b, "bet", 2, 256), 1e-5))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			text, err := os.ReadFile("../mil/testdata/" + tt.file)
			require.NoError(t, err)
			want, err := mil.Parse(string(text))
			require.NoError(t, err)
			l, err := lower.Lower(build(t, tt.make), chipOf(t, "h13"))
			require.NoError(t, err)
			require.Equal(t, statements(want), statements(l.Program))
		})
	}
}

// statements spells a program without the names of its values: computed ones
// are numbered, constants stand as their types and literals.
func statements(p *mil.Program) (list []string) {
	names := map[*mil.Value]string{}
	for _, v := range p.Func.Params {
		names[v] = fmt.Sprint(v.Name, v.Type)
	}
	for _, s := range p.Func.Body {
		if s.Op == "const" {
			l := s.Lit("val")
			names[s.Results[0]] = fmt.Sprint(l.Type, l.Floats, l.Ints, l.Str, l.Blob != nil)
			continue
		}
		var args []string
		for _, a := range s.Args {
			for _, o := range a.Operands {
				name := names[o.Value]
				if o.Lit != nil {
					name = fmt.Sprint(o.Lit.Type, o.Lit.Floats, o.Lit.Ints, o.Lit.Str)
				}
				args = append(args, a.Name+"="+name)
			}
		}
		slices.Sort(args)
		names[s.Results[0]] = fmt.Sprint("%", len(list))
		list = append(list, fmt.Sprintf("%v = %s(%s)", s.Results[0].Type, s.Op, strings.Join(args, ", ")))
	}
	for _, v := range p.Func.Outputs {
		list = append(list, "return "+v.Name+" "+names[v])
	}
	return list
}

// TestMovesMerge counts the statements that are left of moves without effect.
func TestMovesMerge(t *testing.T) {
	tests := []struct {
		name string
		make func(b *graph.Builder, x *graph.Value) *graph.Value // of x [2, 3, 4]
		want []string
	}{
		{"reshape there and back", func(b *graph.Builder, x *graph.Value) *graph.Value {
			return b.Unary(graph.ReLU, b.Reshape(b.Reshape(x, 6, 4), 2, 3, 4))
		}, []string{"relu"}},
		{"two reshapes", func(b *graph.Builder, x *graph.Value) *graph.Value { return b.Reshape(b.Reshape(x, 6, 4), 24) },
			[]string{"reshape"}},
		{"transpose there and back", func(b *graph.Builder, x *graph.Value) *graph.Value {
			return b.Unary(graph.ReLU, b.Transpose(b.Transpose(x, 2, 0, 1), 1, 2, 0))
		}, []string{"relu"}},
		{"two transposes", func(b *graph.Builder, x *graph.Value) *graph.Value {
			return b.Transpose(b.Transpose(x, 2, 0, 1), 2, 0, 1)
		}, []string{"transpose"}},
		{"slice of everything", func(b *graph.Builder, x *graph.Value) *graph.Value {
			return b.Unary(graph.ReLU, b.Apply(graph.Slice{Begin: []int{0, 0, 0}, Size: []int{2, 3, 4}}, x))
		}, []string{"relu"}},
		{"concat of one", func(b *graph.Builder, x *graph.Value) *graph.Value {
			return b.Unary(graph.ReLU, b.Apply(graph.Concat{Axis: 1}, x))
		}, []string{"relu"}},
		{"nothing but moves", func(b *graph.Builder, x *graph.Value) *graph.Value {
			return b.Reshape(b.Reshape(x, 6, 4), 2, 3, 4)
		}, []string{"mul"}},
		{"a result that nobody reads", func(b *graph.Builder, x *graph.Value) *graph.Value {
			b.ApplyMany(graph.Sort{Axis: 2}, b.Unary(graph.Exp, x))
			return b.Unary(graph.ReLU, x)
		}, []string{"relu"}},
		{"values of topk without their indices", func(b *graph.Builder, x *graph.Value) *graph.Value {
			return b.ApplyMany(graph.TopK{K: 1, Axis: 2}, x)[0]
		}, []string{"reshape", "reshape", "greater", "select", "equal", "select", "add", "matmul", "reshape", "equal", "select", "matmul", "reshape"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, err := lower.Lower(build(t, func(b *graph.Builder) { b.Output("y", tt.make(b, b.Input("x", 2, 3, 4))) }), chipOf(t, "h16"))
			require.NoError(t, err)
			var got []string
			for _, s := range l.Program.Func.Body {
				if s.Op != "const" {
					got = append(got, s.Op)
				}
			}
			require.Equal(t, tt.want, got)
		})
	}
}
