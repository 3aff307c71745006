package power

import (
	"fmt"
	"sync"
	"time"

	"devicemap/internal/smc"
)

// systemKey is the power of the whole machine: display, storage and losses
// included, smoothed, renewed about once a second. Source: power.md 2.5.
const (
	systemKey    = "PSTR"
	systemUpdate = time.Second
)

// machinePower reads the whole machine's power from its management controller:
// an upper bound of the package.
type machinePower struct {
	mu     sync.Mutex
	value  func(key string) (float64, error)
	shut   func()
	latest float64
	at     time.Time
}

func openSMC(Config) (*machinePower, error) {
	lib, err := smc.Load()
	if err != nil {
		return nil, because{err}
	}
	conn, err := lib.Open()
	if err != nil {
		return nil, because{err}
	}
	m := &machinePower{value: conn.Float, shut: conn.Close}
	if _, ok := m.watts(); !ok {
		m.shut()
		return nil, fmt.Errorf("smc: key %s gives no power: %w", systemKey, ErrUnavailable)
	}
	return m, nil
}

// watts reads the key now.
func (m *machinePower) watts() (float64, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, err := m.value(systemKey)
	return v, err == nil && v > 0
}

func (m *machinePower) name() string     { return "smc" }
func (m *machinePower) rails() []Rail    { return []Rail{System} }
func (m *machinePower) boundary() string { return "whole machine by its management controller" }

func (m *machinePower) close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.shut()
	return nil
}

func (m *machinePower) read(s *snapshot) error {
	v, ok := m.watts()
	if !ok {
		return fmt.Errorf("key %s cannot be read", systemKey)
	}
	now := time.Now()
	if v != m.latest || now.Sub(m.at) >= systemUpdate {
		m.latest, m.at = v, now
	}
	s.sense(System, m.latest, m.at)
	return nil
}
