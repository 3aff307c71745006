package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"

	"devicemap/results"
)

// convertCommand turns published files, all of one host, into a results file,
// or one measurement of a results file back into its published form.
func convertCommand(flags *flag.FlagSet) action {
	target := flags.String("o", "", "write to `FILE` instead of the standard output")
	force := flags.Bool("force", false, "overwrite the file given by -o")
	back := flags.Bool("json", false, "turn a converted results file back into JSON")
	bench := flags.String("bench", results.MapBench, "with -json: the measurement to turn back: DeviceMap, Saturation, Bandwidth, Serving, Roofline or GEMV")
	return someFiles(func(files []string, stdout, stderr io.Writer) error {
		var text bytes.Buffer
		var err error
		switch {
		case !*back:
			err = fromPaper(&text, files)
		case len(files) > 1:
			err = &callError{fmt.Sprintf("-json wants one file, got %d", len(files))}
		default:
			err = toPaper(&text, files[0], *bench, stderr)
		}
		if err != nil {
			return err
		}
		if *target == "" {
			_, err := stdout.Write(text.Bytes())
			return err
		}
		return writeFile(*target, text.Bytes(), *force)
	})
}

func fromPaper(w io.Writer, files []string) error {
	var parts []*results.File
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		part, err := results.FromPaper(data, file)
		if err != nil {
			return err
		}
		parts = append(parts, part)
	}
	return results.Join(parts...).Encode(w)
}

func toPaper(w io.Writer, file, bench string, stderr io.Writer) error {
	f, err := load(file, stderr)
	if err != nil {
		return err
	}
	text, err := results.ToPaper(f, bench)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", text)
	return err
}
