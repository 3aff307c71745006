package power

import (
	"regexp"
	"strings"

	"devicemap/internal/ioreport"
)

// The Energy Model's channels, by whole name after an optional prefix of the
// die. Names that only contain such a word are other things: adding them up
// showed 106.7 W for 36.2 W on an M5 Max. Per-core and per-cluster channels
// are parts of the total, *CPM, *_SRAM and *DTL* are telemetry.
// Source: power.md 2.3.
var (
	diePrefix = regexp.MustCompile(`^(DIE_\d+_|DIE\d+ )`)

	channelRules = []struct {
		rail  Rail
		name  *regexp.Regexp
		spare bool // counts only where no other channel of the rail exists
	}{
		{CPU, regexp.MustCompile(`^CPU Energy$`), false},
		{CPU, regexp.MustCompile(`^[EP]CPU$`), true}, // clusters, the base M1's only CPU channels
		{GPU, regexp.MustCompile(`^GPU Energy$`), false},
		{GPU, regexp.MustCompile(`^GPU(\d+(_\d+)?)?$`), true}, // the same energy, 3 % lower
		{ANE, regexp.MustCompile(`^ANE(\d+(_\d+)?)?$`), false},
		{DRAM, regexp.MustCompile(`^DRAM(\d+(_\d+)?)?$`), false},
	}
)

// classify returns the rail of a channel; ok is false for one that is none of
// ours.
func classify(name string) (r Rail, spare, ok bool) {
	name = diePrefix.ReplaceAllString(name, "")
	for _, rule := range channelRules {
		if rule.name.MatchString(name) {
			return rule.rail, rule.spare, true
		}
	}
	return 0, false, false
}

// joulesPer are the units that a channel's label may state.
var joulesPer = map[string]float64{"J": 1, "kJ": 1e3, "mJ": 1e-3, "uJ": 1e-6, "nJ": 1e-9, "pJ": 1e-12}

// channel is one that is added to a rail.
type channel struct {
	name  string
	rail  Rail
	joule float64 // per count
}

// selectChannels picks the channels of an inventory that count each rail once.
// Rails in have come from another group. Unknown counts the channels that an
// unknown unit disables.
func selectChannels(inventory []ioreport.Channel, have map[Rail]bool) (picked []channel, unknown int) {
	full := map[Rail]bool{} // rails with a channel that is no spare
	for _, c := range inventory {
		if r, spare, ok := classify(c.Name); ok && !spare && joulesPer[c.Unit] != 0 {
			full[r] = true
		}
	}
	for _, c := range inventory {
		r, spare, ok := classify(c.Name)
		switch {
		case !ok || have[r] || spare && full[r]:
		case joulesPer[strings.TrimSpace(c.Unit)] == 0:
			unknown++
		default:
			picked = append(picked, channel{c.Name, r, joulesPer[strings.TrimSpace(c.Unit)]})
		}
	}
	return picked, unknown
}
