package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"

	"devicemap/internal/registry"
)

// capabilitiesCommand writes docs/capabilities.json. The document follows from
// the table alone, so that an older file may be overwritten.
func capabilitiesCommand(flags *flag.FlagSet) action {
	check := flags.Bool("check", false, "compare `FILE` with the table instead of writing it")
	return oneFile(func(file string, _, _ io.Writer) error {
		want, err := registry.Document()
		if err != nil {
			return err
		}
		if !*check {
			return writeFile(file, want, true)
		}
		got, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("%s differs from the table; run: devicemap capabilities %s", file, file)
		}
		return nil
	})
}
