package devicemap

import (
	"flag"
	"fmt"
	"slices"
	"strings"

	"devicemap/device"
	"devicemap/device/cpu"
	"devicemap/workloads"
)

// options are the suite's flags. The zero value is the published protocol on
// every engine of the host.
type options struct {
	engines   list
	workloads list
	require   list
	cpuLibs   list // kernel sets of the CPU, each its own engine; none: the best one
	quick     bool
	staging   staging
	results   string
	resume    bool
	software  string // chip family of the software Neural Engine, or ""
}

// register declares the flags; they are parsed by TestMain.
func (o *options) register(f *flag.FlagSet) {
	f.Var(&o.engines, "engines", "comma-separated engine `names` to race (CPU, GPU, ANE); default all")
	f.Var(&o.workloads, "workloads", "comma-separated workload `names` of the device map; default all")
	f.Var(&o.require, "require", "comma-separated engine `names` whose absence fails the run")
	f.Var(&o.cpuLibs, "cpu-lib", "comma-separated kernel `sets` of the CPU ("+strings.Join(cpu.Libraries(), ", ")+"; all), raced as an engine each, CPU-NAME; default the best one, as CPU")
	f.BoolVar(&o.quick, "quick", false, "windows of 2 s, a quarter of the timed calls and the quick sizes of the sweeps, recorded apart")
	f.Var(&o.staging, "staging", "`rule` for operands: published, resident or staged")
	f.StringVar(&o.software, "ane-software", "", "run the software Neural Engine of a chip `family` (h13 to h17) too, as ANE-software: it checks programs, its times mean nothing")
	f.StringVar(&o.results, "results", "", "results `file`, appended to; none: no file (default results/<chip>.txt)")
	f.BoolVar(&o.resume, "resume", false, "leave out arms that the results file holds already, as often as -count says")
}

// list is a comma-separated flag.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(s string) error {
	for item := range strings.SplitSeq(s, ",") {
		if item = strings.TrimSpace(item); item != "" {
			*l = append(*l, item)
		}
	}
	return nil
}

// keeps reports whether name is chosen: by itself or by the part before a
// dash, so that CPU chooses CPU-onednn too. An empty list chooses all.
func (l list) keeps(name string) bool {
	kind, _, _ := strings.Cut(name, "-")
	return len(l) == 0 || slices.Contains(l, name) || slices.Contains(l, kind)
}

// staging is the flag form of device.Staging.
type staging struct{ device.Staging }

func (s *staging) Set(text string) error {
	for _, v := range []device.Staging{device.AsPublished, device.Resident, device.Staged} {
		if v.String() == text {
			s.Staging = v
			return nil
		}
	}
	return fmt.Errorf("want published, resident or staged")
}

// cpuSets resolves -cpu-lib to names of kernel sets, each once.
func (o *options) cpuSets() ([]string, error) {
	known := cpu.Libraries()
	if slices.Contains(o.cpuLibs, "all") {
		return known, nil
	}
	var sets []string
	for _, name := range o.cpuLibs {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("-cpu-lib: no kernel set %q; this build knows %s, and all for each of them", name, strings.Join(known, ", "))
		}
		if !slices.Contains(sets, name) {
			sets = append(sets, name)
		}
	}
	return sets, nil
}

// cpuOpeners are the CPU's engines: one with the best kernel set of the host,
// or one for each set that -cpu-lib names.
func (o *options) cpuOpeners() []device.Opener {
	sets, err := o.cpuSets()
	if err != nil || len(sets) == 0 { // choose reports the error
		return []device.Opener{{Kind: device.CPU, Name: "CPU", Open: func() (device.Engine, error) { return cpu.Open(cpu.Config{}) }}}
	}
	var list []device.Opener
	for _, set := range sets {
		cfg := cpu.Config{Library: set, Name: "CPU-" + set}
		list = append(list, device.Opener{Kind: device.CPU, Name: cfg.Name, Open: func() (device.Engine, error) { return cpu.Open(cfg) }})
	}
	return list
}

// choose applies the flags to what the build knows. An unknown name is an
// error that lists the known ones.
func (o *options) choose(openers []device.Opener, all []workloads.Workload) ([]device.Opener, []workloads.Workload, error) {
	if _, err := o.cpuSets(); err != nil {
		return nil, nil, err
	}
	var names []string
	for _, op := range openers {
		names = append(names, op.Name)
	}
	for _, flagged := range []struct {
		flag string
		list list
	}{{"engines", o.engines}, {"require", o.require}} {
		for _, want := range flagged.list {
			if !slices.ContainsFunc(names, func(n string) bool { return list{want}.keeps(n) }) {
				return nil, nil, fmt.Errorf("-%s: no engine %q; this build knows %s", flagged.flag, want, strings.Join(names, ", "))
			}
		}
	}
	for _, want := range o.workloads {
		if _, err := workloads.Find(want); err != nil {
			return nil, nil, fmt.Errorf("-workloads: %w", err)
		}
	}
	openers = slices.DeleteFunc(slices.Clone(openers), func(op device.Opener) bool { return !o.engines.keeps(op.Name) })
	all = slices.DeleteFunc(slices.Clone(all), func(w workloads.Workload) bool {
		return len(o.workloads) > 0 && !slices.Contains(o.workloads, w.Name)
	})
	return openers, all, nil
}
