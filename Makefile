SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.NOTPARALLEL:

GO ?= go
ADDR ?=
# Inputs, not seconds: Go before 1.27 may take the end of a time for a failure (golang/go#75804).
FUZZTIME ?= 20000x
BENCH ?= .
BASE ?=
COUNT ?= 6
FLAGS ?=
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null)
BEGAN := $(shell date +%s)

# The version is stamped by us: go's own stamp fails where the folder belongs to somebody else.
export GOFLAGS := -buildvcs=false $(GOFLAGS)

# having PATTERN: the folders whose tests have a function that begins so.
having = $$(grep -rlE '^func $(1)' --include=*_test.go . | xargs -r -n 1 dirname | sort -u)

# Tests that fill disks, take descriptors or damage files have names that begin with TestChaos; make chaos-data runs them.
# Tests run an Asterisk if they are in docker/pbx, in docker/e2e or in a folder asterisktest, or if their names begin with
# TestAsterisk; no other test does. None is skipped where there is no Asterisk: they fail.
whole := '/(docker/pbx|docker/e2e|asterisktest)$$'
on_asterisk = $$($(GO) list ./... | grep -E $(whole))
off_asterisk = -skip '^(TestAsterisk|TestChaos)' $$($(GO) list ./... | grep -vE $(whole))

# What the tests of the real Asterisk said, in full.
log := bin/end-to-end.log

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: build bin/demo ## one call on a real Asterisk, told line by line: a recording and a transfer by codes
	@bin/demo call -metaflows bin/metaflows

.PHONY: lab
lab: build bin/demo ## the same Asterisk to try with phones of your own, until Ctrl-C; ADDR=<address> serves the network
	@bin/demo lab -metaflows bin/metaflows $(if $(ADDR),-addr '$(ADDR)')

.PHONY: build
build: ## the program, bin/metaflows
	CGO_ENABLED=0 $(GO) build -trimpath $(if $(VERSION),-ldflags '-X main.version=$(VERSION)') -o bin/metaflows ./app

.PHONY: check
check: cc format vet ## what needs no Asterisk: format, vet, arrows, unit tests
	CGO_ENABLED=1 $(GO) test -race -timeout 20m $(off_asterisk)
	@echo "make check: all passed in $$(($$(date +%s) - $(BEGAN))) s: format, vet, unit tests"

.PHONY: test
test: cc asterisk format vet lint unit end-to-end fuzz-some ## everything: check, linters, end-to-end tests on a real Asterisk, fuzzing
	@echo "make test: all passed in $$(($$(date +%s) - $(BEGAN))) s: format, vet, linters, unit tests, $$(cat bin/end-to-end.count), $$(wc -l < bin/fuzz-some.list) fuzz targets, $(FUZZTIME) each"

.PHONY: unit
unit: cc ## all tests that need no Asterisk, in a random order, nothing taken from the cache
	CGO_ENABLED=1 $(GO) test -race -shuffle=on -timeout 20m $(off_asterisk)

# One package at a time: they measure sound and time. Tests with an Asterisk of their own wait most of the time, four at once.
# Where no more than three fail, those are run once more, alone, and named if they pass then: on a machine that stands still
# for a tenth of a second Asterisk loses digits.
.PHONY: end-to-end
end-to-end: cc asterisk ## the tests that call on a real Asterisk
	@mkdir -p bin; : > $(log); export CGO_ENABLED=1; failed=; \
	run() { \
		echo "go test -race -shuffle=on -count=1 -p 1 -parallel 4 -timeout 20m -v $$*"; \
		$(GO) test -race -shuffle=on -count=1 -p 1 -parallel 4 -timeout 20m -v "$$@" 2>&1 | tee -a $(log) | grep --line-buffered -E '^(--- |ok|FAIL|panic: )' || failed=1; \
	}; \
	run $(on_asterisk); \
	run -run '^TestAsterisk' $(call having,TestAsterisk); \
	again=$$(awk '/^--- FAIL: / { print $$3 }' $(log) | sort -u); \
	if [ "$$failed" ] && [ "$$again" ] && [ "$$(wc -w <<< "$$again")" -le 3 ] && ! grep -qE '^panic: |DATA RACE|\[(build|setup) failed\]' $(log); then \
		echo "once more, alone:" $$again; grep -E '^    +[a-z0-9_]+_test\.go:[0-9]+: ' $(log) | tail -n 40 || true; \
		sed -i 's/^--- FAIL/--- failed at first/' $(log); failed=; \
		run -run "^($$(echo $$again | tr ' ' '|'))$$" $(on_asterisk) $(call having,TestAsterisk); \
	fi; \
	if [ "$$failed" ]; then \
		echo "end-to-end tests failed. All that they said:"; cat $(log); \
		echo "end-to-end tests failed:"; grep -E '^ *--- FAIL|^FAIL|^panic: ' $(log) || true; exit 1; \
	fi; \
	if grep -E '^ *--- SKIP' $(log); then echo "end-to-end tests were skipped; none may be"; exit 1; fi; \
	echo "$$(grep -c '^--- PASS' $(log)) end-to-end tests ($$(grep -cE '^ *--- PASS' $(log)) with their parts)$${again:+, the second time only: $$(echo $$again)}" > bin/end-to-end.count; \
	echo "$$(cat bin/end-to-end.count) passed on a real Asterisk, none was skipped"

# fuzzed LIST: each target of the list with FUZZTIME, a number of inputs (20000x) or a time (10m). An input that was found is made
# smaller in 1000 tries, as nothing else would end that.
define fuzzed
	while read -r package target; do \
		echo "fuzzing $$package $$target"; \
		$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1000x "$$package" < /dev/null; \
	done < $(1)
endef

.PHONY: fuzz
fuzz: bin/fuzz.list ## each fuzz target, FUZZTIME=20000x inputs or 10m long
	@$(call fuzzed,bin/fuzz.list)

# What is built for the fuzzing of package rest, whose tests hold answers against OpenAPI, takes minutes to compile.
.PHONY: fuzz-some
fuzz-some: bin/fuzz.list
	@grep -v 'app/rest ' bin/fuzz.list > bin/fuzz-some.list
	@$(call fuzzed,bin/fuzz-some.list)
	@echo "not fuzzed here, but by make fuzz: $$(grep 'app/rest ' bin/fuzz.list | tr '\n' ' ')"

.PHONY: bin/fuzz.list
bin/fuzz.list:
	@mkdir -p bin; \
	$(GO) test -list '^Fuzz' $(call having,Fuzz) | awk '/^Fuzz/ { name[n++] = $$1 } /^ok/ { for (i = 0; i < n; i++) print $$2, name[i]; n = 0 }' > bin/fuzz.list; \
	[ -s bin/fuzz.list ] || { echo "no fuzz target was found"; exit 1; }

.PHONY: lint
lint: ## golangci-lint, the version of .ci/tools.mod
	$(GO) tool -modfile=.ci/tools.mod golangci-lint run

.PHONY: bench
bench: ## what a digit, an event and a list of live calls cost; BENCH=<pattern> for some
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem ./flows/... ./ari/... ./app/live ./app/rest

.PHONY: bench-compare
bench-compare: ## benchmarks of a commit and of the working copy, compared by benchstat: BASE=<commit>, BENCH=<pattern>, COUNT=6 runs of each
	@[ '$(BASE)' ] || { echo "type: make bench-compare BASE=<commit>, and perhaps BENCH=<pattern> and COUNT=<runs>"; exit 1; }
	@.ci/bench-compare '$(BASE)' '$(BENCH)' '$(COUNT)'

.PHONY: bench-latency
bench-latency: build bin/bench ## codes against features.conf on a real Asterisk, from the last digit to the effect; FLAGS='-only api' hangs up by the API beside ARI; FLAGS=-trace lists ARI's part
	@bin/bench latency -metaflows bin/metaflows $(FLAGS)

.PHONY: bench-load
bench-load: build bin/bench ## 50 and 100 calls in which keys are pressed all the time: what is lost, how long codes take, what it costs
	@bin/bench load -metaflows bin/metaflows $(FLAGS)

.PHONY: bench-setup
bench-setup: build bin/bench ## a call's setup beside plain Dial() of the same Asterisk: the INVITE at the callee, both hear each other; FLAGS=-trace lists ARI's part
	@bin/bench setup -metaflows bin/metaflows $(FLAGS)

.PHONY: bench-card
bench-card: build bin/bench ## all of these, and what a call, a restart and documents cost, written as docker/bench/CARD.md; FLAGS=-quick writes bin/CARD.md
	@bin/bench card -metaflows bin/metaflows $(FLAGS)

.PHONY: docker-test
docker-test: bin/stack ## the compose files on this machine's Docker engine: calls, kills, outages; needs no image registry
	@bin/stack test $(FLAGS)

.PHONY: chaos
chaos: build bin/chaos ## 200 kills at random instants of random calls: nobody lost, left over or served twice; FLAGS='-runs 20 -seed 7'
	@bin/chaos -metaflows bin/metaflows $(FLAGS)

.PHONY: chaos-data
chaos-data: cc ## full disks, no descriptors, damaged files: what is kept is there again, in under 5 minutes; needs root
	@export CGO_ENABLED=1; $(GO) test -race -count=1 -p 1 -timeout 5m -run '^TestChaos' $(call having,TestChaos)

.PHONY: clean
clean: ## removes what was built; the Asterisk in the cache stays
	rm -rf bin

.PHONY: format
format:
	@wrong=$$(gofmt -l app ari flows actions asterisk-conf docker); \
	[ -z "$$wrong" ] || { echo "not formatted, type gofmt -w on:"; echo "$$wrong"; exit 1; }

.PHONY: vet
vet:
	$(GO) vet ./...

.PHONY: asterisk
asterisk:
	@sh docker/pbx/get-asterisk.sh | sed 's/^[a-z]* /Asterisk: /'

# The race detector needs a C compiler.
.PHONY: cc
cc:
	@if ! echo '#include <stdlib.h>' | gcc -E - > /dev/null 2>&1; then \
		[ "$$(id -u)" = 0 ] || { echo "The race detector needs a C compiler. Type: sudo apt-get install gcc libc6-dev"; exit 1; }; \
		echo "installing the packages gcc and libc6-dev: the race detector needs a C compiler"; \
		sh docker/pbx/get-asterisk.sh install gcc libc6-dev; \
	fi

.PHONY: bin/demo
bin/demo:
	@$(GO) build -o bin/demo ./docker/cmd/demo

.PHONY: bin/bench
bin/bench:
	@$(GO) build -o bin/bench ./docker/cmd/bench

.PHONY: bin/stack
bin/stack:
	@$(GO) build -o bin/stack ./docker/cmd/stack

.PHONY: bin/chaos
bin/chaos:
	@$(GO) build -o bin/chaos ./docker/cmd/chaos
