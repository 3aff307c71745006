package results

import (
	"math/rand/v2"
	"strconv"
	"testing"
)

func TestShift(t *testing.T) {
	tests := []struct {
		number string
		by     int
		want   string
	}{
		{"0.09166705422103405", 6, "91667.05422103405"},
		{"2.0452377679889304e-07", 6, "0.20452377679889304"},
		{"7.766762934329192E-07", 6, "0.7766762934329192"},
		{"2.932", 3, "2932"},
		{"0.0", 3, "0"},
		{"-0.5", 3, "-500"},
		{"6.0", 0, "6"},
		{"100", -2, "1"},
		{"0.47", 9, "470000000"},
		{"1e-9", 0, "1e-09"},
		{"12", 30, "1.2e+31"},
		{"12", -30, "1.2e-29"},
	}
	for _, tt := range tests {
		got, err := shift(tt.number, tt.by)
		if err != nil || got != tt.want {
			t.Errorf("shift(%s, %d) = %s, %v; want %s", tt.number, tt.by, got, err, tt.want)
		}
	}
	for _, bad := range []string{"", ".", "x", "1e", "1e9999", "1e-401", "--1", "+1", "0x10", "1_0", "NaN"} {
		if got, err := shift(bad, 1); err == nil {
			t.Errorf("shift(%q, 1) = %s, want an error", bad, got)
		}
	}
}

// TestShiftIsExact moves random values there and back. A multiplication in
// float64 would lose some of them; the test counts those to show that it can.
func TestShiftIsExact(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	lost := 0
	for range 10000 {
		want := rng.ExpFloat64()
		text := strconv.FormatFloat(want, 'g', -1, 64)
		there, err := shift(text, 6)
		if err != nil {
			t.Fatal(err)
		}
		back, err := shift(there, -6)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := strconv.ParseFloat(back, 64); err != nil || got != want {
			t.Fatalf("%s moved by 6 and −6 is %s", text, back)
		}
		scaled := want * 1e6
		if scaled/1e6 != want {
			lost++
		}
	}
	if lost == 0 {
		t.Error("float64 lost none of the values: they do not test exactness")
	}
}
