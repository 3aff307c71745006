package power

import "strings"

// parsePmset reports whether the settings in use, as pmset -g prints them, are
// those of the low power mode: "lowpowermode 1" on most Macs, "powermode 1" on
// those with three modes. Source: pmset(1); power.md 4.3.
func parsePmset(text string) (low bool) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) >= 2 && (f[0] == "lowpowermode" || f[0] == "powermode") && f[1] == "1" {
			return true
		}
	}
	return false
}

// parseSupply reports whether pmset -g ps names the battery as the supply:
// "Now drawing from 'Battery Power'".
func parseSupply(text string) (battery bool) {
	first, _, _ := strings.Cut(text, "\n")
	return strings.Contains(first, "'Battery Power'")
}
