# The two that a newcomer needs: make demo, make test.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

BIN := bin/holdfast

.PHONY: help
help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/holdfast
	@scripts/build.sh $(BIN)

.PHONY: demo
demo: build ## break a real system and watch Holdfast repair it (under 90 s after the build)
	@$(BIN) demo --scenario pool-exhaustion --approve --out demo-out

.PHONY: run
run: build ## start the server with the configuration in ./holdfast (made when there is none)
	@[[ -e holdfast/holdfast.yaml ]] || $(BIN) init holdfast
	@$(BIN) serve --config holdfast/holdfast.yaml

.PHONY: test
test: ## everything that CI runs: checks, unit tests, real servers, end to end
	@scripts/test.sh all

.PHONY: check
check: ## the part of `make test` without servers
	@scripts/test.sh check

.PHONY: lint
lint: ## format check, go vet, linters, tidy modules
	@scripts/test.sh lint

.PHONY: fmt
fmt: ## format all Go files
	@go tool -modfile=tools/go.mod gofumpt -w $$(git ls-files --cached --others --exclude-standard '*.go')

.PHONY: bench
bench: ## measure the server and print the figures, 5 minutes; never part of `make test`
	@scripts/bench.sh

.PHONY: bench-knowledge
bench-knowledge: ## measure index, search, check and trace of 10,000 artefacts, 5 minutes
	@scripts/bench.sh knowledge

.PHONY: accuracy
accuracy: ## run the benchmark sets of HOLDFAST_BENCH_DATA, write the tables of docs/accuracy.md
	@scripts/accuracy.sh

FUZZTIME ?= 20s
.PHONY: fuzz
fuzz: ## fuzz every parser of outside input for FUZZTIME each (20s)
	@scripts/fuzz.sh $(FUZZTIME)

.PHONY: docs
docs: build ## write again what is generated: schemas, API description, golden files
	@scripts/docs.sh $(BIN)

.PHONY: clean
clean: ## remove what was built (not the cache of test tools)
	@rm -rf bin demo-out
