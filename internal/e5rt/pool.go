package e5rt

import (
	"runtime"

	"github.com/ebitengine/purego"
)

// autoreleasePool brackets calls with an Objective-C autorelease pool, since
// Go's threads have none and frameworks below may autorelease objects. The
// zero value does nothing.
type autoreleasePool struct{ push, pop uintptr }

// enter opens a pool on a locked thread and returns the call that drains it.
func (p autoreleasePool) enter() (leave func()) {
	if p.push == 0 {
		return func() {}
	}
	runtime.LockOSThread()
	token, _, _ := purego.SyscallN(p.push)
	return func() {
		purego.SyscallN(p.pop, token)
		runtime.UnlockOSThread()
	}
}
