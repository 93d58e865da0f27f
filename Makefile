# Everything this repository can do is a target here, and `make` lists them.
# Only Go is needed; what else a target uses (the linter, say) it builds first.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory

# Where the binaries lie; everything under .tools/ may be deleted at any time.
BIN := .tools/bin
# The command that runs the whole platform in one process, and all commands:
# that one, and one for each service.
MAIN := services/standalone/cmd/boxoffice
COMMANDS = $(wildcard services/*/cmd/*)
# The modules, as go.work lists them; their names stand nowhere else. The tools
# are modules too, but outside of the workspace; not among them is
# services/e2e/daprd, whose requirements are Dapr's own and stay as they are.
MODULES = $(shell go list -m -f '{{.Dir}}')
TOOLS := .ci/report .ci/images/mongo

.PHONY: help
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' Makefile

.PHONY: run
run: boxoffice ## build the whole platform and run it (data in ./data, or DATA_DIR)
	@exec $(BIN)/boxoffice

.PHONY: seed
seed: boxoffice ## add sample events to a running platform
	@exec $(BIN)/boxoffice seed

.PHONY: build
build: needs-go ## build the platform and each service into .tools/bin, without cgo
	@mkdir -p $(BIN)
	@CGO_ENABLED=0 go build -o $(BIN)/ $(COMMANDS:%=./%)

.PHONY: boxoffice
boxoffice: needs-go
	@mkdir -p $(BIN)
	@CGO_ENABLED=0 go build -ldflags="-s -w" -o $(BIN)/boxoffice ./$(MAIN)

.PHONY: test
test: report ## prove every promise: lint, unit, contracts, pact, integration, e2e in each system
	@$(BIN)/report all

.PHONY: test-long
test-long: report ## the nightly tier: all rounds and histories, every system whole, fuzzers, growth (hours)
	@$(BIN)/report long

.PHONY: test-unit
test-unit: report ## run the tests that need no server, shuffled, with the race detector
	@$(BIN)/report unit

.PHONY: test-model
test-model: needs-go ## run random histories of bookings and money on SQLite and PostgreSQL (HISTORIES=n, default 5000)
	@env=$$(.ci/images/build); eval "$$env"; MODEL_CHECKS=$${HISTORIES:-5000} go test -tags integration -count=1 -timeout 120m -v \
		-run 'AnyHistory|BrokenPromises|BrokenSagas' ./services/booking | grep -v 'rapid\] draw'

.PHONY: contracts
contracts: report ## run the contract suites and their broken adapters, and print the matrix port × adapter
	@$(BIN)/report contracts

.PHONY: pact
pact: report ## draw up the contracts between the services, verify them, and fail if the committed ones differ
	@$(BIN)/report pact

.PHONY: test-e2e
test-e2e: report ## run the black-box suite whole (SYSTEM=standalone, the default, processes or dapr; RUN=regexp COUNT=n)
	@SYSTEM='$(or $(SYSTEM),standalone)' RUN='$(RUN)' COUNT='$(COUNT)' $(BIN)/report e2e

.PHONY: test-synced
test-synced: report ## count with strace what is synced to disk between a booking's request and its answer
	@$(BIN)/report synced

.PHONY: test-integration
test-integration: report ## run what needs PostgreSQL, MongoDB or RabbitMQ, on public images or stand-ins
	@$(BIN)/report integration

.PHONY: check
check: report ## build and vet each module without the workspace, and test the tools
	@$(BIN)/report build

.PHONY: bench
bench: needs-go ## measure sales, reading and messages in each way, within 10 minutes (BENCH_TIME=6s a sale, BENCH_FLAGS, PROFILE=1)
	@.ci/bench $(if $(PROFILE),-profile) $(BENCH_TIME:%=-time=%) $(BENCH_FLAGS)

.PHONY: bench-growth
bench-growth: needs-go ## measure the same on 1,000 to 100,000 bookings and 100 to 100,000 events (BENCH_FLAGS=-huge: a million)
	@.ci/bench -growth $(BENCH_TIME:%=-time=%) $(BENCH_FLAGS)

.PHONY: bench-compare
bench-compare: needs-go ## compare sales with those of a commit, taking turns (BASE=commit ROUNDS=5 SLOWER=5 percent)
	@BASE='$(BASE)' ROUNDS='$(ROUNDS)' SLOWER='$(SLOWER)' .ci/bench-compare

.PHONY: profile
profile: needs-go ## profiles of standalone in a sale: CPU, allocations, blocking, mutexes (in .tools/bench/profile)
	@.ci/bench -profile $(BENCH_TIME:%=-time=%) $(BENCH_FLAGS)

.PHONY: fuzz
fuzz: report ## run each fuzz target for a few seconds
	@$(BIN)/report fuzz

.PHONY: specs
specs: needs-go ## write contracts/openapi, contracts/asyncapi and components/kubernetes from the code
	@# The gateway's document is made of those that the first run writes.
	@for which in '(event|booking|notification)' '.*'; do \
		go test -count=1 ./services/e2e/specs -run "^TestDocuments\$$/^$$which\$$" -update; done
	@# The access policy is made of all these documents and contracts/pacts.
	@go test -count=1 ./services/user/adapter/gateway -run '^TestAccessPolicy$$' -update

.PHONY: screenshots
screenshots: needs-go ## look at the shop's pages in a browser and leave pictures in screenshots/ (README has its readme-*.png)
	@browser=$$(.ci/chromium) && axe=$$(.ci/axe) && TEST_CHROMIUM="$$browser" TEST_AXE="$$axe" SCREENSHOTS='$(CURDIR)/screenshots' \
		go test -count=1 -timeout=20m ./services/e2e/browser -run '^(TestPages|TestAnaBuys)$$'

.PHONY: release-contracts
release-contracts: needs-go ## keep the API documents and pacts of now as the last release's (contracts/released)
	@go test -count=1 ./services/e2e/specs -run '^TestReleased$$' -release

.PHONY: fuzz-api
fuzz-api: boxoffice ## fuzz a platform of its own by its OpenAPI documents (FUZZ_TIME=seconds, default 600; needs Python)
	@.ci/fuzz-api

.PHONY: lint
lint: needs-go ## lint every module and prove that the rules about imports and floats can fail
	@.ci/lint
	@.ci/prove-depguard

.PHONY: fmt
fmt: needs-go ## format the Go code and its imports
	@for dir in $(MODULES) $(TOOLS); do (cd "$$dir" && "$(CURDIR)/.ci/golangci-lint" fmt --config "$(CURDIR)/.golangci.yml" .) || exit 1; done

.PHONY: tidy
tidy: needs-go ## tidy each module's go.mod, as seen without go.work
	@for dir in $(MODULES) $(TOOLS); do (cd "$$dir" && GOWORK=off go mod tidy) || exit 1; done

.PHONY: clean
clean: ## remove what was built (data/ stays: it holds bookings)
	@rm -rf .tools

# What the targets above need.

.PHONY: report
report: needs-go
	@mkdir -p $(BIN)
	@cd .ci/report && GOWORK=off go build -o ../../$(BIN)/report .

.PHONY: needs-go
needs-go:
	@command -v go >/dev/null || { echo "Go is not installed or not in PATH; see https://go.dev/dl" >&2; exit 1; }
