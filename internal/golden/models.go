package golden

import "fmt"

// Models is models.json: whole models, serving blocks and decode stacks.
type Models struct {
	Header
	WeightRule string   `json:"weight_rule"`
	SeedOffset uint64   `json:"seed_offset"`
	Models     []Model  `json:"models"`
	Blocks     []Block  `json:"blocks"`
	Decode     []Decode `json:"decode"`
}

// Model is a whole model.
type Model struct {
	Name          string      `json:"name"`
	Config        ModelConfig `json:"config"`
	Input         ModelInput  `json:"input"`
	ValuesDrawn   int         `json:"values_drawn"`
	Output        Digest      `json:"output"`
	Top5          []int       `json:"top5"`
	RelErrFloat32 float64     `json:"relerr_float32"`
	OutputFloat32 []float64   `json:"output_float32_values"` // the float32 program's
	Parameters    []Parameter `json:"parameters"`
	Layers        []Layer     `json:"layers"` // modules in call order
}

// ModelConfig holds a model's sizes; those that it lacks are zero.
type ModelConfig struct {
	Kind      string  `json:"kind"` // resnet, vit or bert
	Layers    []int   `json:"layers"`
	Classes   int     `json:"classes"`
	Image     Numbers `json:"image"` // side, or height and width
	Patch     int     `json:"patch"`
	Depth     int     `json:"depth"`
	Heads     int     `json:"heads"`
	Dim       int     `json:"dim"`
	MLP       int     `json:"mlp"`
	Vocab     int     `json:"vocab"`
	Positions int     `json:"positions"`
	Eps       float64 `json:"eps"`
}

// ModelInput is a drawn image, or token ids.
type ModelInput struct {
	Seed  uint64  `json:"seed"`
	Shape []int   `json:"shape"`
	Scale float64 `json:"scale"`
	CRC32 string  `json:"crc32_float32"`
	IDs   []int   `json:"ids"`
}

// Parameter is a weight with a generator of its own.
type Parameter struct {
	Tensor
	Seed uint64 `json:"seed"`
	Rule string `json:"rule"`
}

// Layer is the checksum of a module's float64 output, to find the first wrong
// one.
type Layer struct {
	Name         string  `json:"name"`
	Shape        []int   `json:"shape"`
	Sum          float64 `json:"sum"`
	SumOfSquares float64 `json:"sum_of_squares"`
}

// Block is a serving block at batch 1.
type Block struct {
	Name          string   `json:"name"`
	Kind          string   `json:"kind"`
	Seed          uint64   `json:"seed"`
	InputSeed     *uint64  `json:"input_seed"`
	Sizes         Sizes    `json:"sizes"`
	Inputs        []Tensor `json:"inputs"`
	Reference     Digest   `json:"reference"`
	RelErrFloat32 float64  `json:"relerr_float32"`
	RelErrFP16    float64  `json:"relerr_fp16"`
}

// Decode is a decoder stack that takes one token per row.
type Decode struct {
	Name       string        `json:"name"`
	Config     DecodeConfig  `json:"config"`
	Seed       uint64        `json:"seed"` // of all weights and caches, in the listed order
	InputSeed  uint64        `json:"input_seed"`
	Parameters []Drawn       `json:"parameters"`
	Batches    []DecodeBatch `json:"batches"`
	E14        *E14          `json:"E14"`
}

// DecodeConfig holds the sizes: width, layers, heads, hidden width, vocabulary
// and cache length.
type DecodeConfig struct {
	Name         string `json:"name"`
	Dim          int    `json:"d"`
	Layers       int    `json:"L"`
	Heads        int    `json:"H"`
	Hidden       int    `json:"F"`
	Vocab        int    `json:"vocab"`
	Cache        int    `json:"s"`
	BatchesDrawn []int  `json:"batches_drawn"` // inputs are drawn on through these
	BatchesKept  []int  `json:"batches_kept"`
	E14Positions int    `json:"E14_positions"`
}

// Drawn is a tensor with its scale and offset.
type Drawn struct {
	Tensor
	Scale  float64 `json:"scale"`
	Offset float64 `json:"offset"`
}

// DecodeBatch is one step of B rows.
type DecodeBatch struct {
	B               int       `json:"B"`
	InputCRC32      string    `json:"input_crc32_float32"`
	Logits          Digest    `json:"logits"`
	ArgMax          []int     `json:"argmax"`
	RowMax          []float64 `json:"row_max"`
	RowSumOfSquares []float64 `json:"row_sum_of_squares"`
	RelErrFloat32   float64   `json:"relerr_float32"`
	RelErrFP16      float64   `json:"relerr_fp16"`
	Layers          []Layer   `json:"layers"`
}

// E14 compares three precisions of a decode stack over many positions. The
// metrics' keys are fp16_vs_fp32, int8_vs_fp32 and int8_vs_fp16, the logits'
// fp32, fp16 and int8.
type E14 struct {
	Positions       int                `json:"B_positions"`
	InputCRC32      string             `json:"input_crc32_float32"`
	LogitRelErr     map[string]float64 `json:"logit_relerr"`
	ArgMaxAgreement map[string]float64 `json:"argmax_agreement"`
	Top5Overlap     map[string]float64 `json:"top5_overlap"`
	SoftmaxKL       map[string]float64 `json:"softmax_kl"`
	Logits          map[string]*Digest `json:"logits"`
	Note            string             `json:"note"`
}

// ParseModels parses models.json.
func ParseModels(text []byte) (*Models, error) { return decode(text, (*Models).check) }

// Model finds a model by name.
func (m *Models) Model(name string) (*Model, error) {
	for i := range m.Models {
		if m.Models[i].Name == name {
			return &m.Models[i], nil
		}
	}
	return nil, fmt.Errorf("golden: models.json has no model %q", name)
}

// Block finds a serving block by name.
func (m *Models) Block(name string) (*Block, error) {
	for i := range m.Blocks {
		if m.Blocks[i].Name == name {
			return &m.Blocks[i], nil
		}
	}
	return nil, fmt.Errorf("golden: models.json has no block %q", name)
}

func (m *Models) check() error {
	if len(m.Models)+len(m.Blocks)+len(m.Decode) == 0 {
		return fmt.Errorf("models, blocks and decode: none")
	}
	for i := range m.Models {
		e := &m.Models[i]
		at := fmt.Sprintf("models[%d] (%s)", i, e.Name)
		var ts []Tensor
		for _, p := range e.Parameters {
			ts = append(ts, p.Tensor)
		}
		if err := checkTensors(at+".parameters", ts); err != nil {
			return err
		}
		if err := e.Output.check(); err != nil {
			return fmt.Errorf("%s.output: %w", at, err)
		}
	}
	for i := range m.Blocks {
		e := &m.Blocks[i]
		at := fmt.Sprintf("blocks[%d] (%s)", i, e.Name)
		if err := checkTensors(at+".inputs", e.Inputs); err != nil {
			return err
		}
		if err := e.Reference.check(); err != nil {
			return fmt.Errorf("%s.reference: %w", at, err)
		}
	}
	for i := range m.Decode {
		if err := m.Decode[i].check(); err != nil {
			return fmt.Errorf("decode[%d] (%s): %w", i, m.Decode[i].Name, err)
		}
	}
	return nil
}

func (d *Decode) check() error {
	var ts []Tensor
	for _, p := range d.Parameters {
		ts = append(ts, p.Tensor)
	}
	if err := checkTensors("parameters", ts); err != nil {
		return err
	}
	for i := range d.Batches {
		b := &d.Batches[i]
		if err := b.Logits.check(); err != nil {
			return fmt.Errorf("batches[%d].logits: %w", i, err)
		}
		if b.B < 1 || len(b.ArgMax) != b.B || len(b.RowMax) != b.B || len(b.RowSumOfSquares) != b.B {
			return fmt.Errorf("batches[%d]: %d, %d and %d row results for B=%d",
				i, len(b.ArgMax), len(b.RowMax), len(b.RowSumOfSquares), b.B)
		}
	}
	if d.E14 == nil {
		return nil
	}
	for key, g := range d.E14.Logits {
		if g == nil {
			return fmt.Errorf("E14.logits.%s is missing", key)
		}
		if err := g.check(); err != nil {
			return fmt.Errorf("E14.logits.%s: %w", key, err)
		}
	}
	return nil
}
