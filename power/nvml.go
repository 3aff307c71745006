package power

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"devicemap/internal/nvml"
)

// board is what is asked of one NVIDIA board; see package nvml for the units.
type board interface {
	name() string
	energy() (mJ uint64, err error)
	power() (mW uint32, err error)
	slowed() bool // its clocks are held back by heat or by hardware
}

// nvmlLag is the longest period at which the energy counter advances; its unit
// is 1 mJ. averaging is the time for which a board's power still shows what was
// before. Source: power.md 3.3.
const (
	nvmlLag       = 100 * time.Millisecond
	nvmlStep      = 1e-3
	nvmlAveraging = 1500 * time.Millisecond
)

// nvmlEnergy sums the energy counters of the boards that have one.
type nvmlEnergy struct {
	boards   []board
	last     []uint64    // mJ
	at       []time.Time // when last was first seen
	lost     []int
	first    []uint64
	partTime bool
	shut     func() error
}

// nvmlPower sums the power of the boards.
type nvmlPower struct {
	boards   []board
	partTime bool
	shut     func() error
	latest   float64 // W
	at       time.Time
}

// deviceBoard is a board of the real library.
type deviceBoard struct {
	lib *nvml.Lib
	dev nvml.Device
	of  string
}

func (b deviceBoard) name() string            { return b.of }
func (b deviceBoard) energy() (uint64, error) { return b.lib.Energy(b.dev) }
func (b deviceBoard) power() (uint32, error)  { return b.lib.Power(b.dev) }
func (b deviceBoard) slowed() bool {
	r, ok := b.lib.Reasons(b.dev)
	return ok && r&nvml.Slowed != 0
}

// openBoards loads the library and lists its boards.
func openBoards() ([]board, func() error, error) {
	lib, err := nvml.Load()
	if err != nil {
		return nil, nil, err
	}
	devices, err := lib.Devices()
	if err == nil && len(devices) == 0 {
		err = errors.New("nvml: the driver reports no board")
	}
	if err != nil {
		return nil, nil, errors.Join(err, lib.Close())
	}
	var all []board
	for _, d := range devices {
		name, err := lib.Name(d)
		if err != nil {
			name = "board"
		}
		all = append(all, deviceBoard{lib, d, name})
	}
	return all, lib.Close, nil
}

func openNVMLEnergy(Config) (*nvmlEnergy, error) {
	boards, shut, err := openBoards()
	if err != nil {
		return nil, because{err}
	}
	return newNVMLEnergy(boards, shut)
}

// because is a leaf's error as an absence of this package.
type because struct{ err error }

func (b because) Error() string   { return b.err.Error() }
func (b because) Unwrap() []error { return []error{b.err, ErrUnavailable} }

func newNVMLEnergy(boards []board, shut func() error) (*nvmlEnergy, error) {
	g := &nvmlEnergy{boards: boards, partTime: partTime(boards), shut: shut}
	for _, b := range boards {
		mJ, err := b.energy()
		if err != nil {
			return nil, errors.Join(fmt.Errorf("nvml: energy of %s: %w (boards before Volta have no counter): %w",
				b.name(), err, ErrUnavailable), shut())
		}
		g.last, g.first = append(g.last, mJ), append(g.first, mJ)
		g.at, g.lost = append(g.at, time.Now()), append(g.lost, 0)
	}
	return g, nil
}

func openNVMLPower(Config) (*nvmlPower, error) {
	boards, shut, err := openBoards()
	if err != nil {
		return nil, because{err}
	}
	return newNVMLPower(boards, shut)
}

func newNVMLPower(boards []board, shut func() error) (*nvmlPower, error) {
	g := &nvmlPower{boards: boards, partTime: partTime(boards), shut: shut}
	for _, b := range boards {
		if _, err := b.power(); err != nil {
			return nil, errors.Join(fmt.Errorf("nvml: power of %s: %w: %w", b.name(), err, ErrUnavailable), shut())
		}
	}
	return g, nil
}

// partTime reports whether a board's sensor looks only a quarter of the time.
// Source: "Part-time Power Measurements", arXiv 2312.02741, for A100 and H100;
// their siblings of one die are inferred.
func partTime(boards []board) bool {
	return slices.ContainsFunc(boards, func(b board) bool {
		return slices.ContainsFunc([]string{"A100", "A800", "H100", "H800", "H200", "GH200"}, func(chip string) bool {
			return strings.Contains(b.name(), chip)
		})
	})
}

func boardNotes(boards []board, partTime bool) (n notes) {
	if partTime {
		n |= notePartTime
	}
	if slices.ContainsFunc(boards, board.slowed) {
		n |= noteThrottled
	}
	return n
}

func (g *nvmlEnergy) name() string  { return "nvml" }
func (g *nvmlEnergy) rails() []Rail { return []Rail{Board, GPU} }
func (g *nvmlEnergy) close() error  { return g.shut() }
func (g *nvmlEnergy) boundary() string {
	return fmt.Sprintf("%d NVIDIA board(s) with their memory, by the boards' own sensors, not wall power", len(g.boards))
}

// read sums the counters. A counter that goes backwards was reset by a reload
// of the driver.
func (g *nvmlEnergy) read(s *snapshot) error {
	joules, now := 0.0, time.Now()
	oldest := now
	for i, b := range g.boards {
		mJ, err := b.energy()
		if err != nil {
			return fmt.Errorf("energy of board %d: %w", i, err)
		}
		if mJ < g.last[i] {
			g.lost[i]++
			g.first[i] = mJ
		}
		if mJ != g.last[i] {
			g.last[i], g.at[i] = mJ, now
		}
		joules += float64(mJ-g.first[i]) * 1e-3
		if g.at[i].Before(oldest) {
			oldest = g.at[i]
		}
	}
	s.notes |= boardNotes(g.boards, g.partTime)
	if now.Sub(oldest) > staleAfter {
		s.notes |= noteStale
	}
	at := g.at[0]
	for i, a := range g.at {
		s.lost[Board] += g.lost[i]
		if a.After(at) {
			at = a
		}
	}
	s.count(Board, joules, at, nvmlLag, nvmlStep)
	return nil
}

// staleAfter is the age at which a counter of a loaded rail is dead. The
// slowest live one, in bursts, comes every 2.2 s. Source: power.md 2.6.
const staleAfter = 5 * time.Second

func (g *nvmlPower) name() string          { return "nvml-power" }
func (g *nvmlPower) rails() []Rail         { return []Rail{Board, GPU} }
func (g *nvmlPower) close() error          { return g.shut() }
func (g *nvmlPower) settle() time.Duration { return nvmlAveraging }
func (g *nvmlPower) boundary() string {
	return fmt.Sprintf("%d NVIDIA board(s), sampled power averaged over up to 1 s", len(g.boards))
}

// read sums the boards' power. An unchanged value counts again after a second:
// it then was measured again.
func (g *nvmlPower) read(s *snapshot) error {
	watts, now := 0.0, time.Now()
	for i, b := range g.boards {
		mW, err := b.power()
		if err != nil {
			return fmt.Errorf("power of board %d: %w", i, err)
		}
		watts += float64(mW) * 1e-3
	}
	if watts != g.latest || now.Sub(g.at) >= time.Second {
		g.latest, g.at = watts, now
	}
	s.notes |= boardNotes(g.boards, g.partTime)
	s.sense(Board, g.latest, g.at)
	return nil
}
