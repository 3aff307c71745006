package ioreport

import (
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	m1ultra = "ioreport_energymodel_m1ultra_26A428_trimmed.tsv"
	m5max   = "ioreport_energymodel_m5max_26A428_trimmed.tsv"
)

func names(values []Value) (all []string) {
	for _, v := range values {
		all = append(all, v.Name)
	}
	return all
}

func TestSubscribeAndRead(t *testing.T) {
	tests := []struct {
		inventory string
		want      []string // with "CPU Energy" or "GPU Energy" in the name, in order
	}{
		{m1ultra, []string{"DIE_0_CPU Energy", "DIE_1_CPU Energy", "GPU Energy"}},
		{m5max, []string{"CPU Energy", "GPU Energy"}},
	}
	for _, tt := range tests {
		t.Run(tt.inventory, func(t *testing.T) {
			l := fresh(t, tt.inventory)
			offered := 0
			s, err := l.Subscribe("Energy Model", "", func(c Channel) bool {
				offered++
				if strings.ContainsAny(c.Unit, " \t") {
					t.Errorf("unit of %s = %q, want it trimmed", c.Name, c.Unit)
				}
				return strings.HasSuffix(c.Name, "CPU Energy") || c.Name == "GPU Energy"
			})
			require.NoError(t, err)
			if offered != len(cf.lines) {
				t.Errorf("%d channels were offered, want all %d", offered, len(cf.lines))
			}
			cf.tick = 3000 // 125 µs
			for i, name := range tt.want {
				cf.count[name] = int64(i+1) << 40 // beyond 32 bits
			}
			got, err := s.Read(nil)
			require.NoError(t, err)
			require.Equal(t, tt.want, names(got))
			for i, v := range got {
				if v.Count != int64(i+1)<<40 || v.Published != 125_000 {
					t.Errorf("%s = %d published at %d ns, want %d at 125000", v.Name, v.Count, v.Published, int64(i+1)<<40)
				}
			}
			if got[len(got)-1].Unit != "nJ" {
				t.Errorf("unit of %s = %q, want nJ", got[len(got)-1].Name, got[len(got)-1].Unit)
			}
			s.Close()
			settled(t)
			_, err = s.Read(nil)
			require.ErrorContains(t, err, "after Close")
		})
	}
}

func TestUnpopulatedChannelsAreLeftOut(t *testing.T) {
	l := fresh(t, m5max)
	cf.form["GPU Energy"] = 2 // a state channel is no counter
	s, err := l.Subscribe("Energy Model", "", func(c Channel) bool {
		return c.Name == "CPU Energy" || c.Name == "GPU Energy" || c.Name == "ANE0"
	})
	require.NoError(t, err)
	cf.count["CPU Energy"], cf.count["ANE0"] = unpopulated, -5
	got, err := s.Read(nil)
	require.NoError(t, err)
	require.Equal(t, []string{"ANE0"}, names(got))
	if got[0].Count != -5 || got[0].Published != 0 {
		t.Errorf("ANE0 = %d published at %d, want -5 and no time without raw elements", got[0].Count, got[0].Published)
	}
	s.Close()
	settled(t)
}

func TestSubgroup(t *testing.T) {
	l := fresh(t, m5max)
	cf.group = "PMP/Energy Counters"
	s, err := l.Subscribe("PMP", "Energy Counters", func(Channel) bool { return true })
	require.NoError(t, err)
	s.Close()
	settled(t)
}

// TestFailuresReleaseAll: whatever is refused, nothing leaks.
func TestFailuresReleaseAll(t *testing.T) {
	all := func(Channel) bool { return true }
	tests := []struct {
		name, group string
		keep        func(Channel) bool
		set         func()
		want        string
	}{
		{"no group", "Weather", all, func() {}, `no group "Weather"`},
		{"nothing kept", "Energy Model", func(Channel) bool { return false }, func() {}, "no known channel"},
		{"refused", "Energy Model", all, func() { cf.deny = true }, "was refused"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := fresh(t, m5max)
			tt.set()
			_, err := l.Subscribe(tt.group, "", tt.keep)
			require.ErrorIs(t, err, ErrUnavailable)
			require.ErrorContains(t, err, tt.want)
			settled(t)
		})
	}
	l := fresh(t, m5max)
	s, err := l.Subscribe("Energy Model", "", all)
	require.NoError(t, err)
	cf.blind = true
	_, err = s.Read(nil)
	require.ErrorContains(t, err, "no sample")
	s.Close()
	settled(t)
}

func TestBindNamesWhatIsMissing(t *testing.T) {
	fresh(t, m5max)
	cf.hide = "IOReportCreateSamples"
	_, err := Bind(cf.lookup)
	require.ErrorIs(t, err, ErrUnavailable)
	require.ErrorIs(t, err, errors.ErrUnsupported)
	require.ErrorContains(t, err, "lack IOReportCreateSamples;")
}

// TestLoadHere wants the system's library or the reason against it.
func TestLoadHere(t *testing.T) {
	l, err := Load()
	if err != nil {
		require.ErrorIs(t, err, ErrUnavailable)
		t.Skip("this host has no IOReport: ", err)
	}
	s, err := l.Subscribe("Energy Model", "", func(c Channel) bool { return strings.HasSuffix(c.Name, "Energy") })
	require.NoError(t, err)
	defer s.Close()
	got, err := s.Read(nil)
	require.NoError(t, err)
	require.NotEmpty(t, got)
}
