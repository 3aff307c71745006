package results

import (
	"fmt"
	"slices"
	"strings"
)

// laterClaims are the claims on compression (V6), decode (V7) and numeric
// cliffs (V8).
func laterClaims() []Claim {
	const later = ", which is no benchmark of this version"
	return []Claim{
		{ID: "V6.1", Text: "int4 and sparse weights speed an ANE matmul from 2048² up.", needs: "E08" + later},
		{ID: "V6.2", Text: "int8 weights do not speed an ANE matmul.", needs: "E08" + later},
		{ID: "V6.3", Text: "Against the GPU's 4-bit path the ANE wins from B=8 on, not at B=1.", needs: "E09" + later},
		{ID: "V6.4", Text: "Whole models gain little speed from int4.", needs: "E10 and E11, which are no benchmarks of this version"},
		{ID: "V6.5", Text: "int8 weights change the decoded token little more than fp16 does.", needs: "E14" + later},
		{ID: "V7.1", Text: "The GPU decodes more tokens/s at every batch.", needs: "E12" + later},
		{ID: "V7.2", Text: "The ANE decodes more tokens/s per watt up to B=16.", needs: "E12" + later},
		{ID: "V7.3", Text: "int8 weights raise the ANE's tokens/s per watt.", needs: "E12" + later},
		{ID: "V8.1", Text: "ANE matmul outputs become infinite at 2^15.", judge: cliffAt("matmul", 32752, 32768)},
		{ID: "V8.2", Text: "Offset ANE slices clamp above 4094, or not at all on newer families.", judge: sliceCliff},
		{ID: "V8.3", Text: "ANE integer sums are exact to 2048.", judge: cliffAt("reduce", 2048, 2049)},
	}
}

// cliffs lists the searches of one sort on the ANE's fp16 arm.
func (f *File) cliffs(sort string) []*Arm {
	return keep(f.Points(CliffsBench), func(a *Arm) bool {
		return a.Key("cliff") == sort && a.Kind() == ANE && a.DType == "fp16" && races(a.Device)
	})
}

// cliffAt judges that what is right reaches from and what is wrong starts no
// later than to, in every search.
func cliffAt(sort string, from, to float64) func(*File) Finding {
	return func(f *File) Finding {
		arms := f.cliffs(sort)
		if len(arms) == 0 {
			return Finding{}
		}
		outcome, texts := Holds, []string{}
		for _, a := range arms {
			right, ok1 := a.Median(LastRight)
			wrong, ok2 := a.Median(FirstWrong)
			text := "no cliff"
			if ok1 && ok2 {
				text = fmt.Sprintf("right at %g, wrong at %g", right, wrong)
			}
			if !ok1 || !ok2 || right < from || wrong > to {
				outcome = Fails
			}
			if !slices.Contains(texts, text) {
				texts = append(texts, text)
			}
		}
		return Finding{outcome, strings.Join(texts, "; ")}
	}
}

func sliceCliff(f *File) Finding {
	arms := f.cliffs("slice")
	if len(arms) == 0 {
		return Finding{}
	}
	if _, found := arms[0].Median(FirstWrong); !found {
		return Finding{Holds, "no cliff"}
	}
	return cliffAt("slice", 4094, 4096)(f)
}
