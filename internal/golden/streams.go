package golden

import "fmt"

// RNG is rng.json: random streams of numpy.random.default_rng.
type RNG struct {
	Header
	Streams []Stream `json:"streams"`
}

// Stream is one seed's stream. Words are hexadecimal, "0x…".
type Stream struct {
	Seed         uint64      `json:"seed"`
	SeedWords    []string    `json:"seed_sequence_state_uint64"`
	State        string      `json:"pcg64_state"`
	Increment    string      `json:"pcg64_increment"`
	Raw          []string    `json:"raw_uint64"`
	First8       []float64   `json:"normals_first8"`
	NormalsAt    int         `json:"normals_at"` // 0-based index of the first of NormalsAt8
	NormalsAt8   []float64   `json:"normals_at_8"`
	Draw2x3      [][]float64 `json:"draw_2x3"`
	ThenDraw3x4  [][]float64 `json:"then_draw_3x4"`
	FirstMillion Million     `json:"million"`
}

// Million describes the first 1,000,000 normals.
type Million struct {
	CRC32Float32 string  `json:"crc32_float32"`
	CRC32Float64 string  `json:"crc32_float64"`
	ArgMin       int     `json:"argmin"`
	Min          float64 `json:"min"`
	ArgMax       int     `json:"argmax"`
	Max          float64 `json:"max"`
	BeyondTail   int     `json:"beyond_ziggurat_tail"`
}

// ParseRNG parses rng.json.
func ParseRNG(text []byte) (*RNG, error) { return decode(text, (*RNG).check) }

func (r *RNG) check() error {
	if len(r.Streams) == 0 {
		return fmt.Errorf("streams: none")
	}
	for i, s := range r.Streams {
		if len(s.First8) != 8 || len(s.NormalsAt8) != 8 || s.NormalsAt < 0 || s.NormalsAt > 1_000_000-8 {
			return fmt.Errorf("streams[%d] (seed %d): want 8 first normals and 8 at an index below 999,993, got %d, and %d at %d",
				i, s.Seed, len(s.First8), len(s.NormalsAt8), s.NormalsAt)
		}
	}
	return nil
}
