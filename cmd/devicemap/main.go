// Command devicemap reads and converts recorded runs.
//
//	devicemap map results/M5.txt                       # the map of a host
//	devicemap convert published.json > results/M5.txt  # published files
//	devicemap claims results/M5.txt                    # the paper's claims, judged
//	devicemap roofline results/M5.txt                  # ceilings, rooflines, crossovers
//	devicemap figures -o figures results/M5.txt        # figures 1 to 5
//	devicemap capabilities docs/capabilities.json      # the registry as a document
//	devicemap power                                    # live rails of this host
//	devicemap reproduce                                # everything, fail-soft
//
// Measuring is go test's job: go test -bench DeviceMap.
package main

import (
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
       devicemap convert [-o FILE] [-force] FILE...
       devicemap convert -json [-bench NAME] [-o FILE] [-force] FILE
       devicemap capabilities [-check] FILE
       devicemap claims FILE...
       devicemap roofline FILE
       devicemap figures [-o DIR] FILE
       devicemap power [-for 10s] [-every 500ms] [-source NAME]
       devicemap reproduce [gates|full] [-quick] [-again] [-results FILE] [-list]

map      prints the device map of a results file
convert  turns the published result files (JSON) of a host into a results file; -json turns one measurement back
claims   judges the paper's claims on results files
figures  draws figures 1 to 5 of a results file as SVG and PNG
roofline prints ceilings, rooflines, bandwidths and crossovers of a results file
capabilities  writes the registry of the Neural Engine's operations; -check only compares
power    prints the live power of this host's rails, to check the set-up before a run
reproduce  runs the gates, the measurements and the analysis, whatever fails; -list prints the table of steps
`

// command is one subcommand: it declares its flags and returns what to do with
// the arguments after them.
type command func(flags *flag.FlagSet) action

type action func(args []string, stdout, stderr io.Writer) error

var commands = map[string]command{
	"map":          mapCommand,
	"convert":      convertCommand,
	"capabilities": capabilitiesCommand,
	"claims":       claimsCommand,
	"roofline":     rooflineCommand,
	"figures":      figuresCommand,
	"power":        powerCommand,
	"reproduce":    reproduceCommand,
}

// callError is a call that makes no sense.
type callError struct{ text string }

func (e *callError) Error() string { return e.text }

// oneFile is the action of a command that takes a single file.
func oneFile(do func(file string, stdout, stderr io.Writer) error) action {
	return func(args []string, stdout, stderr io.Writer) error {
		if len(args) != 1 {
			return &callError{fmt.Sprintf("want one file after the flags, got %d", len(args))}
		}
		return do(args[0], stdout, stderr)
	}
}

// someFiles is the action of a command that takes one file or more.
func someFiles(do func(files []string, stdout, stderr io.Writer) error) action {
	return func(args []string, stdout, stderr io.Writer) error {
		if len(args) == 0 {
			return &callError{"want at least one file after the flags, got 0"}
		}
		return do(args, stdout, stderr)
	}
}

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
	}
	err := do(flags.Args(), stdout, stderr)
	if err == nil {
		return 0
	}
	fmt.Fprintf(stderr, "devicemap %s: %v\n", args[0], err)
	if call := new(callError); errors.As(err, &call) {
		fmt.Fprint(stderr, usage)
		return 2
	}
	return 1
}

func mapCommand(flags *flag.FlagSet) action {
	watts := flags.Bool("watts", false, "also print the figures behind the per-watt verdicts")
	return oneFile(func(file string, stdout, stderr io.Writer) error {
		f, err := load(file, stderr)
		if err != nil {
			return err
		}
		return results.WriteMap(stdout, f, results.MapOptions{Efficiency: *watts})
	})
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
