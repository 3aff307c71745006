# The suite itself needs only go test; these are shortcuts.

RESULTS ?= results/M5.txt
FIGURES ?= docs/figures/$(basename $(notdir $(RESULTS)))
SHARED  ?= ../shared
MODE    ?= full
# The hosts that were measured with the suite itself.
HOSTS   ?= $(filter-out results/M1.txt results/M2.txt results/M5.txt %.quick.txt,$(wildcard results/*.txt))

# The CPU's libraries, by package manager; -dev packages also give the C sides
# of the benchmarks their headers.
DEPS_apt-get = apt-get install -y libopenblas0-pthread libopenblas-dev libdnnl-dev
DEPS_dnf     = dnf install -y openblas-threads openblas-devel onednn-devel
DEPS_pacman  = pacman -S --needed openblas onednn
MANAGER     := $(firstword $(foreach m,apt-get dnf pacman,$(if $(shell command -v $(m)),$(m))))

.PHONY: deps test bench map claims roofline figures compare published reproduce ci

test:            ## all tests
	go test ./...

deps:            ## the command that installs the CPU's libraries; make deps RUN=1 runs it
ifeq ($(shell uname -s),Darwin)
	@echo '# nothing to install: macOS comes with Accelerate'
else ifeq ($(MANAGER),)
	@echo '# install OpenBLAS (libopenblas.so.0, threads) and oneDNN (libdnnl.so.2 or .so.3); the suite works without them'
else
	@echo '$(DEPS_$(MANAGER))'
	$(if $(RUN),$(DEPS_$(MANAGER)),)
endif

bench:           ## the device map of this host
	go test -run '^$$' -bench DeviceMap -benchtime 6s

map:             ## the map of a results file: make map RESULTS=results/M1.txt
	go run ./cmd/devicemap map $(RESULTS)

claims:          ## the paper's claims on the published hosts and on every recorded one
	go run ./cmd/devicemap claims results/M1.txt results/M2.txt results/M5.txt $(HOSTS)

roofline:        ## ceilings, rooflines and crossovers of a results file
	go run ./cmd/devicemap roofline $(RESULTS)

figures:         ## figures 1 to 5 of a results file: make figures RESULTS=results/M5.txt FIGURES=docs/figures/M5
	go run ./cmd/devicemap figures -o $(FIGURES) $(RESULTS)

compare:         ## two hosts, one table
	go tool benchstat results/M1.txt results/M5.txt

published:       ## convert the paper's JSON again (SHARED names the folder that holds paper/)
	for m in M1 M2; do \
		go run ./cmd/devicemap convert -force -o results/$$m.txt $(SHARED)/paper/device_map_$$m.json || exit 1; \
	done
	go run ./cmd/devicemap convert -force -o results/M5.txt $(addprefix $(SHARED)/paper/,device_map_M5.json \
		saturation.json bandwidth.json serving.json roofline_analysis.json gemv.json)

reproduce:       ## everything, fail-soft: make reproduce MODE=gates, make reproduce MODE='full -quick'
	go run ./cmd/devicemap reproduce $(MODE)

ci:              ## what the project's CI runs
	bash .ci/run
