package main

import (
	"flag"
	"fmt"
	"io"

	"devicemap/internal/figures"
)

// figuresCommand draws the figures of a results file.
func figuresCommand(flags *flag.FlagSet) action {
	dir := flags.String("o", "figures", "write into the folder `DIR`")
	return oneFile(func(file string, stdout, stderr io.Writer) error {
		f, err := load(file, stderr)
		if err != nil {
			return err
		}
		paths, missing, err := figures.Write(*dir, f)
		for _, m := range missing {
			fmt.Fprintln(stderr, "not drawn:", m)
		}
		if err != nil {
			return err
		}
		for _, path := range paths {
			fmt.Fprintln(stdout, path)
		}
		if len(paths) == 0 {
			return fmt.Errorf("%s has rows for none of the figures", file)
		}
		return nil
	})
}
