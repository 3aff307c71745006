package golden

import "fmt"

// Kernels is kernels.json: the measurement kernels.
type Kernels struct {
	Header
	Kernels []Kernel `json:"kernels"`
}

// Kernel is one measurement kernel. Its inputs are drawn in the listed order
// from the generator of Seed; norm parameters and inputs that have a seed of
// their own (ParamSeed, InputSeed) come last.
type Kernel struct {
	Name      string    `json:"name"`
	Kind      string    `json:"kind"`
	Seed      uint64    `json:"seed"`
	ParamSeed *uint64   `json:"param_seed"`
	InputSeed *uint64   `json:"input_seed"`
	Sizes     Sizes     `json:"sizes"`
	Inputs    []Tensor  `json:"inputs"`
	FLOPs     float64   `json:"flops"`    // of products
	Elements  float64   `json:"elements"` // of bandwidth kernels and norms
	Note      string    `json:"note"`
	Reference Reference `json:"reference"`
	// RelErrFloat64 is the error of two float64 products against the library
	// transform; of the kind "dft" alone.
	RelErrFloat64 float64 `json:"relerr_float64_matmul"`
	RelErrFloat32 float64 `json:"relerr_float32"`
	RelErrFP16    float64 `json:"relerr_fp16"`
}

// Sizes are the sizes of a kernel or block; those that it lacks are zero.
type Sizes struct {
	M          int    `json:"M"`
	K          int    `json:"K"`
	N          int    `json:"N"`
	B          int    `json:"B"`
	Cin        int    `json:"Cin"`
	C          int    `json:"C"`
	H          int    `json:"H"` // height, or heads beside S and D
	W          int    `json:"W"`
	S          int    `json:"S"`
	D          int    `json:"D"`
	F          int    `json:"F"`
	Depth      int    `json:"depth"`
	Classes    int    `json:"classes"`
	Shape      []int  `json:"shape"`
	Groups     int    `json:"groups"`
	Steps      int    `json:"steps"`
	Order      int    `json:"n"` // of the linear system
	Iterations int    `json:"iterations"`
	Op         string `json:"op"`
	GELU       string `json:"gelu"` // "tanh", or "none" for the exact form
}

// Reference is a result, or the two results of the kind "dft".
type Reference struct {
	Digest
	Real *Digest `json:"real"`
	Imag *Digest `json:"imag"`
}

// ParseKernels parses kernels.json.
func ParseKernels(text []byte) (*Kernels, error) { return decode(text, (*Kernels).check) }

// Kernel finds a kernel by name.
func (k *Kernels) Kernel(name string) (*Kernel, error) {
	for i := range k.Kernels {
		if k.Kernels[i].Name == name {
			return &k.Kernels[i], nil
		}
	}
	return nil, fmt.Errorf("golden: kernels.json has no kernel %q", name)
}

func (k *Kernels) check() error {
	if len(k.Kernels) == 0 {
		return fmt.Errorf("kernels: none")
	}
	for i := range k.Kernels {
		e := &k.Kernels[i]
		at := fmt.Sprintf("kernels[%d] (%s)", i, e.Name)
		if err := checkTensors(at+".inputs", e.Inputs); err != nil {
			return err
		}
		if err := e.Reference.check(); err != nil {
			return fmt.Errorf("%s.reference: %w", at, err)
		}
	}
	return nil
}

func (r *Reference) check() error {
	if r.Real == nil && r.Imag == nil {
		return r.Digest.check()
	}
	if r.Real == nil || r.Imag == nil {
		return fmt.Errorf("real or imag is missing")
	}
	if err := r.Real.check(); err != nil {
		return fmt.Errorf("real: %w", err)
	}
	if err := r.Imag.check(); err != nil {
		return fmt.Errorf("imag: %w", err)
	}
	return nil
}

func checkTensors(at string, ts []Tensor) error {
	if len(ts) == 0 {
		return fmt.Errorf("%s: none", at)
	}
	for i, t := range ts {
		if _, err := elems(t.Shape); err != nil {
			return fmt.Errorf("%s[%d] (%s): %w", at, i, t.Name, err)
		}
		if len(t.CRC32) != 8 {
			return fmt.Errorf("%s[%d] (%s): crc32_float32 %q, want 8 hexadecimal digits", at, i, t.Name, t.CRC32)
		}
	}
	return nil
}
