package e5rt

// Load opens the Neural Engine runtime of this host, once per process; it
// stays open. On other hosts the error wraps [ErrUnavailable].
func Load() (*Lib, error) { return load() }
