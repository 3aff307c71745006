//go:build !amd64 && !arm64

package thread

// flush is 0: no mode is known for this architecture.
const flush Mode = 0

func get() Mode { return 0 }
func set(Mode)  {}

// Pause does nothing here.
func Pause() {}
