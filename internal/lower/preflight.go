package lower

import (
	"fmt"
	"strings"

	"devicemap/internal/chip"
	"devicemap/internal/graph"
	"devicemap/internal/mil"
)

// prune removes the statements that no output depends on.
func prune(f *mil.Func) {
	used := map[*mil.Value]bool{}
	for _, v := range f.Outputs {
		used[v] = true
	}
	kept := len(f.Body)
	for i := len(f.Body) - 1; i >= 0; i-- {
		s := f.Body[i]
		needed := false
		for _, v := range s.Results {
			needed = needed || used[v]
		}
		if !needed {
			continue
		}
		for _, a := range s.Args {
			for _, o := range a.Operands {
				used[o.Value] = true
			}
		}
		kept--
		f.Body[kept] = s
	}
	f.Body = f.Body[kept:]
}

// preflight holds every tensor of the program, weights and intermediates
// included, to the chip's limits.
func (l *lowering) preflight(f *mil.Func) error {
	turned, stored := roles(f)
	values := f.Params
	for _, s := range f.Body {
		values = append(values, s.Results...)
	}
	for _, v := range values {
		if stored[v] || v.Type.DType == mil.Int32 {
			continue
		}
		s := v.Type.Shape
		for axis, d := range s {
			limit := l.chip.MaxAxis
			switch {
			case turned[v]:
				limit = l.chip.MaxTransposeAxis
			case len(s) == 4 && axis == 1:
				limit = max(limit, chip.MaxChannels)
			}
			if d > limit {
				return &LimitError{l.place(v), fmt.Sprintf("axis %d of %v:", axis, graph.Shape(s)), d, limit, l.chip.String(),
					"cut the axis into parts, or fold it into another one"}
			}
		}
	}
	return nil
}

// place names what v belongs to.
func (l *lowering) place(v *mil.Value) string {
	if node := l.origin[v]; node != "" {
		return node
	}
	return "constant " + v.Name
}

// roles finds the operands and results of transposes, whose limits are wider,
// and the constants that only an expansion of weights reads: no tensors of the
// device.
func roles(f *mil.Func) (turned, stored map[*mil.Value]bool) {
	turned, stored = map[*mil.Value]bool{}, map[*mil.Value]bool{}
	for _, s := range f.Body {
		if s.Op == "transpose" {
			turned[s.In("x")], turned[s.Results[0]] = true, true
		}
		if strings.HasPrefix(s.Op, "constexpr_") {
			for _, a := range s.Args {
				for _, o := range a.Operands {
					stored[o.Value] = true
				}
			}
		}
	}
	return turned, stored
}
