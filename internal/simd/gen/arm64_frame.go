package main

import "strings"

// frame is where the arguments and the result of a function stand, in bytes
// from FP. The elements of an array are named as go vet does: p_0, p_1, …
type frame struct {
	at   map[string]int
	size int
}

// argumentTypes are the types of the kernels' signatures.
var argumentTypes = map[string]struct{ size, align int }{
	"[]float32":  {24, 8},
	"[]float64":  {24, 8},
	"[4]float32": {16, 4},
	"float32":    {4, 4},
	"float64":    {8, 8},
}

// frameOf lays out a signature such as func(dst, x []float32, k float32) float64.
func frameOf(signature string) frame {
	f := frame{at: map[string]int{}}
	list, result, _ := strings.Cut(strings.TrimPrefix(signature, "func("), ")")
	var names []string
	for _, item := range strings.Split(list, ", ") {
		name, typ, typed := strings.Cut(item, " ")
		if names = append(names, name); !typed {
			continue
		}
		for _, n := range names {
			f.place(n, typ)
		}
		names = nil
	}
	if result = strings.TrimSpace(result); result != "" {
		f.size = (f.size + 7) &^ 7
		f.place("ret", result)
	}
	return f
}

func (f *frame) place(name, typ string) {
	t := argumentTypes[typ]
	f.size = (f.size + t.align - 1) &^ (t.align - 1)
	f.at[name] = f.size
	for i := range 4 {
		if typ == "[4]float32" {
			f.at[name+"_"+string(rune('0'+i))] = f.size + 4*i
		}
	}
	f.size += t.size
}
