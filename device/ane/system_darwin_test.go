package ane

import "github.com/ebitengine/purego"

// systemLookup finds the C functions of the system's library, for calls that
// the binding does not make.
func systemLookup(name string) (uintptr, error) {
	lib, err := purego.Dlopen("/System/Library/PrivateFrameworks/Espresso.framework/Espresso", purego.RTLD_NOW|purego.RTLD_LOCAL)
	if err != nil {
		return 0, err
	}
	return purego.Dlsym(lib, name)
}
