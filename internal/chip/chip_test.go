package chip

import "testing"

func TestOf(t *testing.T) {
	tests := []struct{ arch, tier string }{ // no tier: refused
		{"h13", "A13"}, {"h13g", "A13"}, {"h14c", "A14"}, {"h15", "A15"}, {"h16s", "A16"}, {"h17d", "A16"}, {"h18", "A16"},
		{"h12", ""}, {"h13x", ""}, {"h13gg", ""}, {"m11", ""}, {"", ""}, {"H13", ""},
	}
	for _, tt := range tests {
		got, err := Of(tt.arch)
		if got.Tier != tt.tier || (err == nil) != (tt.tier != "") {
			t.Errorf("%q: got %q, %v; want %q", tt.arch, got.Tier, err, tt.tier)
		}
		if err == nil && got.Arch != tt.arch {
			t.Errorf("%q: chip of %q", tt.arch, got.Arch)
		}
	}
}

// TestLaterFamiliesTakeMore holds the table to the rule that programs for an
// older family run on a later one.
func TestLaterFamiliesTakeMore(t *testing.T) {
	archs := Archs()
	for i, arch := range archs[1:] {
		was, err := Of(archs[i])
		if err != nil {
			t.Fatal(err)
		}
		is, err := Of(arch)
		if err != nil {
			t.Fatal(err)
		}
		if is.MaxAxis < was.MaxAxis || is.MaxKernelWidth < was.MaxKernelWidth || is.MaxTransposeAxis < was.MaxTransposeAxis ||
			was.Trig && !is.Trig || was.Texture && !is.Texture || !was.NarrowSlice && is.NarrowSlice {
			t.Errorf("%v takes less than %v: %+v, %+v", is, was, is, was)
		}
	}
}
