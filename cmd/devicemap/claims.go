package main

import (
	"flag"
	"io"

	"devicemap/results"
)

// claimsCommand judges the paper's claims on results files.
func claimsCommand(*flag.FlagSet) action {
	return someFiles(func(files []string, stdout, stderr io.Writer) error {
		var list []*results.File
		for _, file := range files {
			f, err := load(file, stderr)
			if err != nil {
				return err
			}
			list = append(list, f)
		}
		return results.WriteClaims(stdout, list...)
	})
}
