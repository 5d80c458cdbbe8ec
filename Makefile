# Corridor's commands. `make help` lists them; every target that needs the tools sets them up first, once.

SHELL := /bin/sh
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

# The tools and the Node.js that this project pins, never the machine's own.
BIN := node_modules/.bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Compiled code is kept between starts: the command's start takes half the time.
export NODE_COMPILE_CACHE := $(CURDIR)/node_modules/.cache/corridor
STAMP := node_modules/.corridor-setup
JOBS ?= 2

.PHONY: help setup demo mesh sandbox bench test soak check format-check lint types generate-check architecture unused format generate clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

setup: $(STAMP) ## install what the project needs, once (every other target does this by itself)
	@echo "set up, on Node.js $$($(BIN)/node --version)"

$(STAMP): package-lock.json
	@scripts/setup.sh
	@touch $@

demo: $(STAMP) ## start the West Midlands record network, ask it, show the answers, stop everything
	@$(BIN)/node simulations/demo/demo.ts

mesh: $(STAMP) ## start the West Midlands record network and keep it up until Ctrl-C
	@bin/corridor mesh up topology/west-midlands.yaml

sandbox: $(STAMP) ## the same for integrators: a FHIR door, and patients with whom to meet each kind of answer
	@bin/corridor mesh up topology/west-midlands.yaml --sandbox --data .sandbox

bench: $(STAMP) ## measure against the bare gRPC echo; table on screen, figures in out/bench.json
	@$(BIN)/node simulations/bench/bench.ts

test: $(STAMP) ## run every test; the last line is 'N passed, N failed'
	@$(BIN)/node scripts/test.ts --parallel --jobs=$(JOBS)

soak: $(STAMP) ## the catalogue's rows at full counts, resumable; ONLY=D1,N2 some, SHARD=1/4 a part, COUNT=quick a look
	@$(BIN)/node simulations/soak.ts

check: format-check lint types generate-check architecture unused ## format, lint, types, generated code, architecture, unused code
	@echo 'check: all well'

format-check: $(STAMP) ## only the check of formatting
	@echo 'check: format'
	@$(BIN)/prettier --check --log-level warn .
	@$(BIN)/buf format --diff --exit-code proto

lint: $(STAMP) ## only the linters
	@echo 'check: lint'
	@$(BIN)/oxlint --type-aware --deny-warnings
	@$(BIN)/buf lint proto

types: $(STAMP) ## only the type check
	@echo 'check: types'
	@$(BIN)/tsc -p .
	@$(BIN)/tsc -p scripts

generate-check: $(STAMP) ## only the check that generated code matches proto/
	@echo 'check: generated code'
	@scripts/generate.sh --check

architecture: $(STAMP) ## only the check of imports and banned words
	@echo 'check: architecture'
	@$(BIN)/mocha --reporter dot node/architecture.test.ts

unused: $(STAMP) ## only the check for unused files, exports and dependencies
	@echo 'check: unused code'
	@$(BIN)/knip

format: $(STAMP) ## rewrite every file in the house format
	@$(BIN)/prettier --write --log-level warn .
	@$(BIN)/buf format --write proto

generate: $(STAMP) ## make the gRPC code from proto/ again
	@scripts/generate.sh

clean: ## remove what the other targets made: tools, output, the mesh's folder
	@rm -rf node_modules out dist .mesh .sandbox
