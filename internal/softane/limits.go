package softane

import (
	"slices"
	"strings"

	"devicemap/internal/chip"
	"devicemap/internal/mil"
)

// checkLimits holds every tensor of a program, intermediates and weights
// included, to the chip's extents.
func checkLimits(p *mil.Program, c target) *refusal {
	turned, stored := transposed(p), storage(p)
	for _, v := range p.Func.Params {
		if bad := c.checkExtent(v, turned[v]); bad != nil {
			return bad
		}
	}
	for _, s := range p.Func.Body {
		for _, v := range s.Results {
			if stored[v] {
				continue
			}
			if bad := c.checkExtent(v, turned[v]); bad != nil {
				return bad
			}
		}
	}
	return nil
}

// transposed finds the operands and results of transposes, whose limits are wider.
func transposed(p *mil.Program) map[*mil.Value]bool {
	m := map[*mil.Value]bool{}
	for _, s := range p.Func.Body {
		if s.Op == "transpose" {
			m[s.In("x")] = true
			m[s.Results[0]] = true
		}
	}
	return m
}

// storage finds the constants that only constexpr operations read, such as the
// non-zeros of a sparse weight: no tensors of the device.
func storage(p *mil.Program) map[*mil.Value]bool {
	m := map[*mil.Value]bool{}
	for _, s := range p.Func.Body {
		for _, a := range s.Args {
			for _, o := range a.Operands {
				if o.Value != nil && strings.HasPrefix(s.Op, "constexpr_") {
					m[o.Value] = true
				}
			}
		}
	}
	return m
}

func (c target) checkExtent(v *mil.Value, turned bool) *refusal {
	switch v.Type.DType {
	case mil.FP16, mil.Bool, mil.UInt8, mil.Int8, mil.UInt4, mil.UInt1:
	default:
		return nil // parameters of operations
	}
	for a, d := range v.Type.Shape {
		limit := c.MaxAxis
		switch {
		case turned:
			limit = c.MaxTransposeAxis
		case a == 1 && len(v.Type.Shape) == 4:
			limit = max(limit, chip.MaxChannels)
		}
		if d > limit {
			s := v.Def
			if s == nil {
				s = &mil.Stmt{Op: "input", Results: []*mil.Value{v}}
			}
			k := &call{chip: c, stmt: s}
			return k.backEnd("axis %d of %v has %d elements, limit %d on %s", a, v.Type.Shape, d, limit, c.Tier)
		}
	}
	return nil
}

// nonlinear lists the activations that a square cannot feed.
var nonlinear = []string{"relu", "relu6", "sigmoid", "tanh", "silu", "gelu", "exp", "exp2", "sqrt", "erf", "softplus", "softsign",
	"log", "rsqrt", "inverse", "elu", "leaky_relu", "clamped_relu", "scaled_tanh", "sigmoid_hard", "thresholded_relu"}

// checkHazards refuses what is known to crash or stop the compiler (measured on
// M5; taken for all chips).
func (c *call) checkHazards() *refusal {
	switch {
	case c.stmt.Op == "mul" && (c.zeroAfterReduction("x", "y") || c.zeroAfterReduction("y", "x")):
		return c.backEnd("multiplication by 0 after a reduction crashes the compiler")
	case slices.Contains(nonlinear, c.stmt.Op):
		x := c.stmt.In("x")
		if x != nil && x.Def != nil && x.Def.Op == "square" && x.Type.Shape[len(x.Type.Shape)-1]%128 > 64 {
			return c.backEnd("a square of width %d before a nonlinearity", x.Type.Shape[len(x.Type.Shape)-1])
		}
	}
	return nil
}

func (c *call) zeroAfterReduction(x, k string) bool {
	v := c.stmt.In(x)
	if v == nil || v.Def == nil || !strings.HasPrefix(v.Def.Op, "reduce_") {
		return false
	}
	l := c.stmt.Lit(k)
	return l != nil && len(l.Floats) == 1 && l.Floats[0] == 0
}

// widthOffset says whether s slices or crops with an offset on the last axis.
func widthOffset(s *mil.Stmt) bool {
	switch s.Op {
	case "slice_by_size":
		begin := s.Ints("begin")
		return begin[len(begin)-1] > 0
	case "slice_by_index":
		begin, mask := s.Ints("begin"), s.Ints("begin_mask")
		last := len(begin) - 1
		return begin[last] != 0 && (mask == nil || mask[last] == 0)
	case "crop":
		return s.Ints("crop_width")[0] > 0
	}
	return false
}
