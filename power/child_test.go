package power

import (
	"errors"
	"testing"
	"time"
)

// TestTimelineUndoesLateReading replays 500 ms samples whose documents are read
// late, and wants each end within the sampler's own loss of the truth.
func TestTimelineUndoesLateReading(t *testing.T) {
	const ms = time.Millisecond
	base := time.Now()
	tests := []struct {
		name  string
		late  []time.Duration // reading delay of each sample
		lost  time.Duration   // time between samples that no sample covers
		bound time.Duration
	}{
		{"on time", []time.Duration{0, 0, 0, 0}, 0, 0},
		{"one late", []time.Duration{0, 0, 400 * ms, 0}, 0, 0},
		{"two read at once", []time.Duration{0, 500 * ms, 0, 0}, 0, 0},
		{"sampler loses 1 ms each", make([]time.Duration, 40), ms, 8 * ms},
	}
	for _, tt := range tests {
		line := timeline{slack: time.Second}
		truth := base
		for i, late := range tt.late {
			truth = truth.Add(500*ms + tt.lost)
			got := line.end(truth.Add(late), 500*ms)
			if d := truth.Sub(got); d < 0 || d > tt.bound {
				t.Errorf("%s: sample %d is dated %v early, want 0..%v", tt.name, i, d, tt.bound)
			}
		}
	}
}

func TestTimelineStartsAnewAfterAGap(t *testing.T) {
	line := timeline{slack: time.Second}
	at := time.Now()
	line.end(at, 500*time.Millisecond)
	at = at.Add(5 * time.Second) // the sampler slept
	if got := line.end(at, 500*time.Millisecond); !got.Equal(at) {
		t.Errorf("end after the gap is %v off, want 0", at.Sub(got))
	}
}

func TestStderrTail(t *testing.T) {
	status := errors.New("exit status 1")
	tests := []struct{ stderr, want string }{
		{"", "exit status 1"},
		{"sudo: a password is required\n", "exit status 1: sudo: a password is required"},
		{"real cause\nproc_pidpath failed for 12\ncounter underflow\n\n", "exit status 1: real cause"},
	}
	for _, tt := range tests {
		var tl tail
		if _, err := tl.Write([]byte(tt.stderr)); err != nil {
			t.Fatal(err)
		}
		if got := tl.explain(status).Error(); got != tt.want {
			t.Errorf("explain(%q) = %q, want %q", tt.stderr, got, tt.want)
		}
	}
}

func TestChildren(t *testing.T) {
	got := children("  1 0\n 20 10\n21   10\n 10 1\n junk\n 30 210\n", 10)
	if len(got) != 2 || got[0] != "20" || got[1] != "21" {
		t.Errorf("children of 10 = %v, want [20 21]", got)
	}
}
