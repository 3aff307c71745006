package thread

import (
	"math"
	"runtime"
	"testing"
)

var tiny, half float32 = math.SmallestNonzeroFloat32 * 8, 0.5

func TestFlushToZero(t *testing.T) {
	if flush == 0 {
		t.Skip("no flush-to-zero mode is known for " + runtime.GOARCH)
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	want := tiny * half
	if want == 0 || Flushes() {
		t.Fatalf("product = %g, flushing = %v before", want, Flushes())
	}
	outer := FlushToZero()
	inner := FlushToZero()
	if got := tiny * half; got != 0 || !Flushes() {
		t.Errorf("product = %g, flushing = %v, want 0 and true", got, Flushes())
	}
	Restore(inner)
	if !Flushes() {
		t.Error("the inner Restore ended the outer mode")
	}
	Restore(outer)
	if got := tiny * half; got != want || Flushes() {
		t.Errorf("product = %g, flushing = %v after, want %g and false", got, Flushes(), want)
	}
}

func TestPause(*testing.T) { Pause() }

func BenchmarkFlushToZero(b *testing.B) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for b.Loop() {
		Restore(FlushToZero())
	}
}
