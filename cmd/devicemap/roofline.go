package main

import (
	"flag"
	"io"

	"devicemap/results"
)

// rooflineCommand prints ceilings, rooflines, bandwidths and crossovers.
func rooflineCommand(*flag.FlagSet) action {
	return oneFile(func(file string, stdout, stderr io.Writer) error {
		f, err := load(file, stderr)
		if err != nil {
			return err
		}
		return results.WriteTables(stdout, f)
	})
}
