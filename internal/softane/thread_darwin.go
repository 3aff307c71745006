package softane

import (
	"sync"

	"github.com/ebitengine/purego"
)

// pthreadSelf is in the library that every process has loaded.
var pthreadSelf = sync.OnceValues(func() (uintptr, error) {
	return purego.Dlsym(purego.RTLD_DEFAULT, "pthread_self")
})

// thread is the address of the calling OS thread's descriptor, or 0, one text
// for all threads, if the C library hides it.
func thread() uint64 {
	self, err := pthreadSelf()
	if err != nil {
		return 0
	}
	id, _, _ := purego.SyscallN(self)
	return uint64(id)
}
