// Package registry is the one table of what the Neural Engine does and does
// not take, and of how this suite offers it: 225 capabilities in seven
// statuses, and a catalogue of the compiler's 187 operations by chip.
//
// # One source
//
// The graph's operations, the lowerings, docs/capabilities.json and the route
// gate are held to this table by tests, and the table to the published census
// (testdata/published.json): [Differences] lists every deviation with its
// reason.
//
// # Evidence
//
// Verified, RelErr and Wall repeat what the publication saw on silicon (M5,
// macOS 26, unless a wall says otherwise). Nothing in this table was measured
// by this suite.
//
// # Two questions
//
// An entry says what was compiled on one machine; an [Op] of the catalogue
// what the compiler supports per chip. They disagree for 15 names (compare
// TestCatalogDisagrees), so neither is derived from the other.
package registry

import (
	"cmp"
	"slices"
)

// Status says how far a capability reaches.
type Status string

// The statuses, in the order of the document.
const (
	Fused         Status = "fused"               // lowered into one program
	Bridge        Status = "bridge"              // a native layer at a graph cut; here replaced by fused operations
	Cracked       Status = "cracked"             // a native layer shown to work, not offered
	Reachable     Status = "reachable"           // compiles and runs, not offered
	Negative      Status = "arch-gated-negative" // shown not to work; Wall says how
	NotAuthorable Status = "not-authorable"      // control flow, lists, state: no feed-forward form
	Predicted     Status = "predicted"           // expected to work, never built
)

// Statuses lists all statuses in the order of the document.
func Statuses() []Status {
	return []Status{Fused, Bridge, Cracked, Reachable, Negative, NotAuthorable, Predicted}
}

// Class says whether an operation has more than one route.
type Class string

// The route classes of fused and bridge entries.
const (
	Single     Class = "single"     // one route; Reason says why
	Selectable Class = "selectable" // Alternative may replace it
)

// Lossless is the only loss that a selectable route may have.
const Lossless = "lossless"

// Entry is one capability.
type Entry struct {
	Name   string
	Status Status
	// Ops are the graph operations that offer the capability; none where the
	// suite does not.
	Ops []string
	// Verified is the published evidence: "silicon", "negative-confirmed" or
	// "no".
	Verified string
	// RelErr is the published relative error of the single-operation sweep;
	// negative: none.
	RelErr float64

	Class       Class  // of fused and bridge entries
	Reason      string // why Single
	Alternative string // of Selectable
	Loss        string // of Alternative
	Evidence    string // of Alternative, published

	Wall       string // of negatives: what fails
	Substitute string // what computes the same on the fused route
	Probe      string // of negatives: the published name of a call that the original refuses at construction
	AliasOf    string
	Note       string
}

// Offered reports whether the suite's graphs can ask for the capability.
func (e Entry) Offered() bool { return len(e.Ops) > 0 }

// Entries is the whole table, by status, then by name.
func Entries() []Entry {
	list := slices.Concat(fused(), bridges(), cracked(), reachable(), negatives(), notAuthorable(), predicted())
	order := Statuses()
	slices.SortFunc(list, func(a, b Entry) int {
		if c := cmp.Compare(slices.Index(order, a.Status), slices.Index(order, b.Status)); c != 0 {
			return c
		}
		return cmp.Compare(a.Name, b.Name)
	})
	return list
}

// Find is the entry of a name.
func Find(name string) (Entry, bool) {
	for _, e := range Entries() {
		if e.Name == name {
			return e, true
		}
	}
	return Entry{}, false
}

// Count is the number of entries with status s.
func Count(s Status) (n int) {
	for _, e := range Entries() {
		if e.Status == s {
			n++
		}
	}
	return n
}

// Names lists the entries with status s.
func Names(s Status) (names []string) {
	for _, e := range Entries() {
		if e.Status == s {
			names = append(names, e.Name)
		}
	}
	return names
}

// CrackedLayers counts the native layers shown to work: cracked and bridge
// entries, less one, because slice_by_index and input_view are one layer. The
// layer stays although this suite offers slice_by_index through its MIL
// operation.
func CrackedLayers() int {
	published := 0
	for _, e := range Entries() {
		if e.Status == Cracked || e.Status == Bridge || e.Name == "slice_by_index" {
			published++
		}
	}
	return published - 1
}

// Routes lists the bridge entries of class c by name.
func Routes(c Class) (names []string) {
	for _, e := range Entries() {
		if e.Status == Bridge && e.Class == c {
			names = append(names, e.Name)
		}
	}
	return names
}
