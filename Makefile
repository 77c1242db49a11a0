# Everything a developer or a first user does. Each target sets up what it needs itself.
SHELL := /bin/bash
.DEFAULT_GOAL := help
CONFIG ?= config.toml
IMAGE ?= egress-monitor
BIN := .venv/bin

.PHONY: help venv demo run test lint types format simulate lab lab-fault lab-report lab-calm soak bench mutants dashboards dashboard-pictures alerts reference oracles lock audit sbom image clean dev packages peers

help: ## List what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: ## Make .venv with the monitor in it
	@scripts/venv run

demo: venv ## Show what the monitor does: a small internet here, with a fault each minute
	@$(BIN)/egress-monitor demo $(ARGS)

run: venv ## Start the monitor (CONFIG=config.toml)
	@$(BIN)/egress-monitor run --config $(CONFIG)

test: dev packages ## Run every test (ARGS="-k name" for some)
	@$(BIN)/python -m pytest $(ARGS)

lint: dev ## Check style, English and the site of the documents
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@scripts/check-english
	@$(BIN)/mkdocs --quiet build --strict --clean --site-dir build/site

types: dev ## Check types
	@$(BIN)/mypy

format: dev ## Rewrite the sources in the project's style
	@$(BIN)/ruff check --fix-only --quiet
	@$(BIN)/ruff format

simulate: dev ## Simulate random faults in virtual time and print how many are identified (ARGS="--kind partial --worlds 100")
	@nice -n 10 $(BIN)/python -m tests.simulation $(ARGS)

lab: dev packages ## Start the monitor in a small internet that can be broken (root)
	@$(BIN)/python -m tests.lab up $(ARGS)

lab-fault: dev ## Break that internet (NAME=...; without it: repair it and list the names)
	@$(BIN)/python -m tests.lab fault $(NAME)

lab-report: dev packages ## Break it in every way and report what the monitor names (root)
	@$(BIN)/python -m tests.lab report $(NAME) $(ARGS)

lab-calm: dev packages ## Show that lost packets and jitter alone raise no incident (root)
	@$(BIN)/python -m tests.lab calm $(ARGS)

soak: dev ## Run a daemon for 10 minutes among faults and attacks (ARGS="--minutes 60")
	@$(BIN)/python -m tests.soak $(ARGS)

mutants: dev packages ## Change the decision logic in one place each, and report what no test notices
	@$(BIN)/python -m tests.mutation $(ARGS)

bench: dev packages ## Compare what a probe costs with other probers
	@$(BIN)/python -m benchmarks $(ARGS)

dashboards: dev ## Write the Grafana dashboards from their code
	@$(BIN)/python -m dashboards

PICTURES := tools/dashboard_pictures
dashboard-pictures: dev packages $(PICTURES)/node_modules/.package-lock.json ## Draw the dashboards for docs/images (needs npm; ARGS="--out /tmp/out --panels")
	@nice -n 10 $(BIN)/python -m tools.dashboard_pictures $(ARGS)

$(PICTURES)/node_modules/.package-lock.json: $(PICTURES)/package-lock.json
	@cd $(PICTURES) && nice -n 10 npm ci --ignore-scripts --no-audit --no-fund
	@touch $@

alerts: dev ## Write the alerting rules and docs/alerts.md from their code
	@$(BIN)/python -m alerts

reference: dev ## Write the generated references in docs/
	@$(BIN)/python -m docs.reference

oracles: dev ## Record what Go makes of the tests' inputs again (needs go; ARGS=http for one)
	@$(BIN)/python -m tests.oracles $(ARGS)

lock: dev ## Compile the lock files (ARGS=--upgrade for newer versions)
	@scripts/lock $(ARGS)

audit: ## Look the locked packages up in the advisory databases
	@scripts/audit

sbom: ## Write a bill of materials (CycloneDX) to dist/
	@scripts/sbom dist/egress-monitor.cdx.json

image: ## Build the container image (IMAGE=egress-monitor)
	@scripts/image $(IMAGE)

clean: ## Remove everything that was made here
	@rm -rf .venv .venv-tools build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@rm -rf $(PICTURES)/node_modules
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

dev:
	@scripts/venv dev

peers: ## Build the Go programs that tests run as peers (where go is installed)
	@scripts/peers $(ARGS)

packages:
	@scripts/install-packages $$(scripts/test-packages) || \
	    { [[ $$? == 3 && -z "$${CI:-}" ]] && echo 'The tests that need them are skipped.' >&2; }
