package e5rt

import (
	"fmt"
	"sync"

	"github.com/ebitengine/purego"
)

const (
	// The file is not on disk but in the shared cache of the dynamic loader;
	// opening this exact path works, looking for the file does not.
	frameworkPath = "/System/Library/PrivateFrameworks/Espresso.framework/Espresso"
	objcPath      = "/usr/lib/libobjc.A.dylib"
)

// load is a package variable because the loader's state is the process's too.
var load = sync.OnceValues(func() (*Lib, error) {
	framework, err := purego.Dlopen(frameworkPath, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return nil, fmt.Errorf("%w: %s does not load: %v", ErrUnavailable, frameworkPath, err)
	}
	l, err := Bind(func(name string) (uintptr, error) { return dlsym(framework, name) })
	if err != nil {
		return nil, err
	}
	l.pool = loadPool()
	return l, nil
})

// dlsym falls back to the underscored names of older systems.
func dlsym(lib uintptr, name string) (uintptr, error) {
	addr, err := purego.Dlsym(lib, name)
	if err != nil {
		return purego.Dlsym(lib, "_"+name)
	}
	return addr, nil
}

// loadPool binds the autorelease pool; without it the binding works too, at
// the price of objects that are freed only when their thread ends.
func loadPool() autoreleasePool {
	objc, err := purego.Dlopen(objcPath, purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return autoreleasePool{}
	}
	push, err1 := purego.Dlsym(objc, "objc_autoreleasePoolPush")
	pop, err2 := purego.Dlsym(objc, "objc_autoreleasePoolPop")
	if err1 != nil || err2 != nil {
		return autoreleasePool{}
	}
	return autoreleasePool{push, pop}
}
