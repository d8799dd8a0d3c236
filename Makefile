# Everything a person does with the project. `make` alone explains itself.
# What a target needs beyond Go, gcc, python3 and make, it fetches by itself
# into .tools, .venv and .demo, which git ignores.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
.NOTPARALLEL:

GOFUMPT_VERSION := v0.12.0
GOLANGCI_VERSION := v2.15.0
NFPM_VERSION := v2.45.2

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unversioned)
TOOLS := $(CURDIR)/.tools
TEST_VENV := .venv/test
UVLOOP_VENV := .venv/uvloop
TYPESCRIPT := .venv/typescript
TERMINAL := .tools/tmux
CHECK_VENV := .venv/check
BENCH_VENV := .venv/bench
REQS := scripts/requirements
PY_DIRS := render scripts internal pool supervisor
GO_FILES = $(shell find . -name '.?*' -prune -o -name '*.go' -print)
SH_FILES = $(shell find . -name '.?*' -prune -o -name '*.sh' -print) .ci/run

# The tests find their interpreter, with its pinned modules, through this.
export MOCHI_PYD_TEST_PYTHON ?= $(CURDIR)/$(TEST_VENV)/bin/python
# The one of those whose pools have uvloop.
export MOCHI_PYD_TEST_UVLOOP_PYTHON ?= $(CURDIR)/$(UVLOOP_VENV)/bin/python
# Where the compiler of TypeScript is, if node is.
export MOCHI_PYD_TEST_TYPESCRIPT ?= $(CURDIR)/$(TYPESCRIPT)
# What makes packages, and the root they are installed into.
export MOCHI_PYD_TEST_NFPM ?= $(TOOLS)/nfpm
export MOCHI_PYD_TEST_CLEANROOT ?= $(TOOLS)/cleanroot
# The terminal that the live view is tested in, where none is on PATH.
export MOCHI_PYD_TEST_TMUX ?= $(CURDIR)/$(TERMINAL)/tmux
# What evaluates the alerts, if it could be fetched.
export MOCHI_PYD_TEST_PROMTOOL ?= $(TOOLS)/promtool/promtool

.PHONY: help
help: ## this text
	@echo 'mochi-pyd $(VERSION): Python functions over a Unix socket, from supervised worker processes'
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: need-go ## bin/mochi-pyd, static, and what it needs beside it
	@CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/ $$(go list -f '{{if eq .Name "main"}}{{.ImportPath}}{{end}}' ./cmd/...)
	@echo 'bin/mochi-pyd $(VERSION)'

.PHONY: run
run: build need-python ## the daemon in the foreground, which says what to type next; ctrl-C ends it
	@exec bin/mochi-pyd serve

.PHONY: demo
demo: build need-python ## a dozen real modules, real HTTP, a worker killed under load: ends by itself
	@scripts/venv.sh .demo/venv $(REQS)/modules.txt
	@go run ./scripts/demo -daemon bin/mochi-pyd -python .demo/venv/bin/python

# Packages are tested apart from the acceptance tests, which hold the real
# program to times a user would notice and must not race other packages for
# two cores.
.PHONY: test
test: need test-venv test-packages ## vet, every Go test with -race, the Python tests; < 10 minutes on 2 cores
	@go vet ./...
	@mkdir -p .tools
	@echo '== packages'
	@go test -race -timeout 10m -json $$(go list ./... | grep -v '/internal/acceptance$$') | go run ./scripts/testsum -o .tools/test.json
	@echo '== the real program, with $(MOCHI_PYD_TEST_PYTHON)'
	@go test -race -timeout 15m -json ./internal/acceptance | go run ./scripts/testsum -o .tools/acceptance.json
	@echo '== the Python side'
	@$(TEST_VENV)/bin/python -m pytest -q -rs -p no:cacheprovider -c render/pyproject.toml render
	@echo
	@echo "test: all passed in $$(( $$(date +%s) - $(STARTED) )) s: the packages, the real program over real workers, the Python side (what was skipped is listed above with its reason)"

STARTED := $(shell date +%s)

.PHONY: check
check: need tools check-venv ## gofumpt, golangci-lint, ruff, mypy --strict, shellcheck; vet and build for arm64 and darwin
	@bad=$$($(TOOLS)/gofumpt -l $(GO_FILES)); [[ -z $$bad ]] || { echo "check: not formatted (make fmt does it):"; echo "$$bad"; exit 1; }
	@echo 'gofumpt: clean'
	@GOLANGCI_LINT_CACHE=$(TOOLS)/lint-cache $(TOOLS)/golangci-lint run --timeout 10m ./...
	@$(CHECK_VENV)/bin/ruff check $(PY_DIRS)
	@$(CHECK_VENV)/bin/ruff format --check $(PY_DIRS)
	@$(CHECK_VENV)/bin/mypy --config-file render/pyproject.toml
	@MYPYPATH=scripts/bench/py $(CHECK_VENV)/bin/mypy --strict --ignore-missing-imports scripts/bench/py/*.py
	@scripts/lint-sh.sh $(SH_FILES)
	@$(MAKE) cross
	@echo 'check: all clean'

# What cannot be run here is compiled, vetted and linked.
CROSS := linux/arm64 darwin/arm64

.PHONY: cross
cross: need-go
	@for target in $(CROSS); do \
		export GOOS=$${target%/*} GOARCH=$${target#*/} CGO_ENABLED=0; \
		go vet ./... && go build -o .tools/cross/$$target/ ./cmd/... || { echo "cross: not for $$target"; exit 1; }; \
		echo "vet and build for $$target: clean"; \
	done

.PHONY: soak
soak: build need-python ## the self-test's chaos for 20 minutes: nothing lost, nothing leaked
	@bin/mochi-pyd selftest --chaos 20m

# BENCH takes flags: make bench BENCH='--runs 3 --only latency', --quick.
.PHONY: bench
bench: bench-tools test-venv ## what a call costs, beside bare pipes and beside every peer, as ratios of one run
	@.tools/bench/bench $(BENCH_ARGS) -out .tools/bench.json $(BENCH)
	@echo '== one pool beside another that crash-loops'
	@go test -run TestACrashLoopingPoolSlowsNoOtherDown -v ./internal/acceptance

.PHONY: bench-gate
bench-gate: bench-tools ## the same ratios against the committed report: fails on > 15 %
	@.tools/bench/bench $(BENCH_ARGS) -out .tools/bench-gate.json -gate scripts/bench/report.json $(BENCH)

.PHONY: screenshots
screenshots: need-go test-venv ## the README's pictures of top and ps, from the real program at work
	@go run ./scripts/screenshots

.PHONY: deb rpm
deb: need-go $(TOOLS)/nfpm-$(NFPM_VERSION) ## bin/packages: a .deb for amd64 and arm64; the same commit gives the same bytes
	@scripts/package.sh $(TOOLS)/nfpm $(VERSION) bin/packages deb
rpm: need-go $(TOOLS)/nfpm-$(NFPM_VERSION) ## bin/packages: an .rpm for amd64 and arm64
	@scripts/package.sh $(TOOLS)/nfpm $(VERSION) bin/packages rpm

.PHONY: fmt
fmt: tools check-venv ## format Go and Python in place
	@$(TOOLS)/gofumpt -w $(GO_FILES)
	@$(CHECK_VENV)/bin/ruff check --fix $(PY_DIRS)
	@$(CHECK_VENV)/bin/ruff format $(PY_DIRS)

.PHONY: clean
clean: ## what the other targets made, fetched tools too
	@rm -rf bin .tools .venv .demo

# What stands below is for the targets above.

.PHONY: need need-go need-python
need:
	@scripts/need.sh go gcc python3
need-go:
	@scripts/need.sh go
need-python:
	@scripts/need.sh python3

BENCH_ARGS = -daemon bin/mochi-pyd -python $(BENCH_VENV)/bin/python -goplugin .tools/bench/goplugin

# The Go peers have a module of their own, so that nothing of theirs is ours. A
# peer that cannot be built is named in the report, and fails nothing.
.PHONY: bench-tools
bench-tools: build need-python bench-venv
	@mkdir -p .tools/bench
	@go build -o .tools/bench/bench ./scripts/bench
	@rm -f .tools/bench/goplugin
	@go -C scripts/bench/goplugin build -o $(TOOLS)/bench/goplugin . || echo 'bench: the Go host of the gRPC peers could not be built: they will be named as missing' >&2

.PHONY: test-venv test-packages check-venv bench-venv tools
bench-venv:
	@scripts/venv.sh $(BENCH_VENV) $(REQS)/modules.txt $(REQS)/bench.txt
test-venv:
	@scripts/venv.sh $(TEST_VENV) $(REQS)/modules.txt $(REQS)/test.txt $(REQS)/check.txt $(REQS)/corpus.txt $(REQS)/asyncproof.txt
	@scripts/venv.sh $(UVLOOP_VENV) $(REQS)/modules.txt $(REQS)/uvloop.txt
	@scripts/typescript.sh $(TYPESCRIPT)
	@scripts/tmux.sh $(TERMINAL)
	@scripts/promtool.sh $(TOOLS)/promtool
test-packages: $(TOOLS)/nfpm-$(NFPM_VERSION)
	@scripts/cleanroot.sh $(TOOLS)/cleanroot
check-venv:
	@scripts/venv.sh $(CHECK_VENV) $(REQS)/modules.txt $(REQS)/test.txt $(REQS)/check.txt
tools: $(TOOLS)/gofumpt-$(GOFUMPT_VERSION) $(TOOLS)/golangci-lint-$(GOLANGCI_VERSION)

# The stamp carries the version, so a new pin fetches anew.
$(TOOLS)/gofumpt-$(GOFUMPT_VERSION):
	@echo 'tools: gofumpt $(GOFUMPT_VERSION)'
	@GOBIN=$(TOOLS) GOFLAGS= go install mvdan.cc/gofumpt@$(GOFUMPT_VERSION) && touch $@
$(TOOLS)/golangci-lint-$(GOLANGCI_VERSION):
	@echo 'tools: golangci-lint $(GOLANGCI_VERSION) (built from source, a minute or two)'
	@GOBIN=$(TOOLS) GOFLAGS= go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION) && touch $@
$(TOOLS)/nfpm-$(NFPM_VERSION):
	@echo 'tools: nfpm $(NFPM_VERSION) (built from source, a minute or two)'
	@GOBIN=$(TOOLS) GOFLAGS= go install github.com/goreleaser/nfpm/v2/cmd/nfpm@$(NFPM_VERSION) && touch $@
