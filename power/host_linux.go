package power

// hostLoad and hostState read the host under c.FS.
func hostLoad(c Config) func() (Load, error) {
	return func() (Load, error) { return procLoad(c.FS) }
}

func hostState(c Config) func() State {
	return func() State { return procState(c.FS) }
}
