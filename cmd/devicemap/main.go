// Command devicemap reads and converts recorded runs.
//
//	devicemap map results/M5.txt                       # the map of a host
//	devicemap convert published.json > results/M5.txt  # a published file
//	devicemap capabilities docs/capabilities.json      # the registry as a document
//
// Measuring is go test's job: go test -bench DeviceMap.
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"devicemap/results"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

const usage = `usage: devicemap map [-watts] FILE
       devicemap convert [-o FILE] [-force] [-json] FILE
       devicemap capabilities [-check] FILE

map      prints the device map of a results file
convert  turns a published result file (JSON) into a results file; -json turns it back
capabilities  writes the registry of the Neural Engine's operations; -check only compares
`

// command is one subcommand: it declares its flags and returns what to do with
// the one file that it takes.
type command func(flags *flag.FlagSet) func(file string, stdout, stderr io.Writer) error

var commands = map[string]command{"map": mapCommand, "convert": convertCommand, "capabilities": capabilitiesCommand}

// run is main with its edges as parameters; it returns the exit status: 0, 1
// for a failure, 2 for a call that makes no sense.
func run(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 || commands[args[0]] == nil {
		fmt.Fprint(stderr, usage)
		return 2
	}
	flags := flag.NewFlagSet("devicemap "+args[0], flag.ContinueOnError)
	flags.SetOutput(stderr)
	do := commands[args[0]](flags)
	switch err := flags.Parse(args[1:]); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return 2
	case flags.NArg() != 1:
		fmt.Fprintf(stderr, "devicemap %s: want one file after the flags, got %d\n%s", args[0], flags.NArg(), usage)
		return 2
	}
	if err := do(flags.Arg(0), stdout, stderr); err != nil {
		fmt.Fprintf(stderr, "devicemap %s: %v\n", args[0], err)
		return 1
	}
	return 0
}

func mapCommand(flags *flag.FlagSet) func(string, io.Writer, io.Writer) error {
	watts := flags.Bool("watts", false, "also print the figures behind the per-watt verdicts")
	return func(file string, stdout, stderr io.Writer) error {
		f, err := load(file, stderr)
		if err != nil {
			return err
		}
		return results.WriteMap(stdout, f, results.MapOptions{Efficiency: *watts})
	}
}

func convertCommand(flags *flag.FlagSet) func(string, io.Writer, io.Writer) error {
	target := flags.String("o", "", "write to `FILE` instead of the standard output")
	force := flags.Bool("force", false, "overwrite the file given by -o")
	back := flags.Bool("json", false, "turn a converted results file back into JSON")
	return func(file string, stdout, stderr io.Writer) error {
		var text bytes.Buffer
		if err := convert(&text, file, *back, stderr); err != nil {
			return err
		}
		if *target == "" {
			_, err := stdout.Write(text.Bytes())
			return err
		}
		return writeFile(*target, text.Bytes(), *force)
	}
}

func convert(w io.Writer, file string, back bool, stderr io.Writer) error {
	if back {
		f, err := load(file, stderr)
		if err != nil {
			return err
		}
		text, err := results.ToPaper(f)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%s\n", text)
		return err
	}
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	f, err := results.FromPaper(data, file)
	if err != nil {
		return err
	}
	return f.Encode(w)
}

// load reads a results file and reports its malformed lines.
func load(file string, stderr io.Writer) (*results.File, error) {
	f, err := results.Load(file)
	if err != nil {
		return nil, err
	}
	for _, w := range f.Warnings {
		fmt.Fprintln(stderr, w)
	}
	return f, nil
}

// writeFile writes a new file; an existing one stays unless force is set.
func writeFile(path string, text []byte, force bool) error {
	mode := os.O_CREATE | os.O_WRONLY | os.O_EXCL
	if force {
		mode = os.O_CREATE | os.O_WRONLY | os.O_TRUNC
	}
	f, err := os.OpenFile(path, mode, 0o644)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s exists; recorded figures are not overwritten without -force", path)
	}
	if err != nil {
		return err
	}
	if _, err := f.Write(text); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
