# GNU make >= 3.81 and a POSIX shell. `make` alone shows what there is.
.POSIX:
.DEFAULT_GOAL := help
SHELL := /bin/sh
.PHONY: help demo run setup setup-dev test test-processes test-fast test-system-postgresql check check-types check-rest bench chaos format messages lock migration clean

help: ## Show this help
	@echo "Usage: make TARGET   (settings may follow: make demo PORT=9000 DATA_DIR=/tmp/demo)"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-22s %s\n", $$1, $$2 }' Makefile

demo: setup ## Start a demo with sample data; no email leaves this machine
	@exec .venv/bin/campaigns up --demo

run: setup ## Start Campaigns with your own data (in .data, or DATA_DIR=...)
	@exec .venv/bin/campaigns up

setup: ## Create .venv with the runtime dependencies
	@sh bin/install runtime

setup-dev:
	@sh bin/install dev

test: setup-dev ## Run the tests (installs Chromium as root when it is missing)
	@sh bin/test quick

test-processes: setup-dev ## Run the tests that start, attack and kill the whole product
	@sh bin/test processes

test-fast: setup-dev ## Run the quick tests, on SQLite only
	@.venv/bin/pytest -q -m "not browser and not process and not wheel" -k "not postgresql"

test-system-postgresql: setup-dev ## Run the tests of SQL on the PostgreSQL installed here
	@SYSTEM_POSTGRESQL=1 .venv/bin/pytest -q --numprocesses 2 -k system-postgresql

check: setup-dev ## Check style, types, layers, lock files, messages and the wheel
	@$(MAKE) --no-print-directory --jobs=2 check-types check-rest

# On its own, because it takes as long as everything else.
check-types:
	.venv/bin/mypy

check-rest:
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/lint-imports
	.venv/bin/djlint --lint --quiet templates/web templates/public templates/components
	.venv/bin/python bin/check-dead-code
	.venv/bin/python bin/check-lock
	.venv/bin/python bin/messages --check
	.venv/bin/pytest -q -m wheel

bench: setup ## Measure how fast this machine sends: make bench what="send --postgresql"
	@.venv/bin/campaigns bench $(what)

chaos: setup-dev ## Break things at random while sending: make chaos ROUNDS=20 SEED=1
	@CHAOS_ROUNDS=$(or $(ROUNDS),20) CHAOS_SEED=$(SEED) CHAOS_PEOPLE=$(PEOPLE) \
		.venv/bin/pytest -q -s -o faulthandler_timeout=0 tests/chaos

format: setup-dev ## Format the code
	.venv/bin/ruff check --fix .
	.venv/bin/ruff format .

# Keeps the pins that still fit; add UPGRADE=--upgrade for newer ones.
LOCK = .venv/bin/uv pip compile --quiet --universal --generate-hashes --no-header \
	--python-version 3.11 $(UPGRADE) pyproject.toml
messages: setup-dev ## Collect the messages for translators in campaigns/translations/messages.pot
	.venv/bin/python bin/messages

lock: setup-dev ## Update the lock files from pyproject.toml
	$(LOCK) --extra build --output-file requirements.lock
	$(LOCK) --extra dev --constraint requirements.lock --output-file requirements-dev.lock

migration: setup-dev ## Create a migration from the models: make migration m="add a thing"
	@test -n "$(m)" || { echo 'Describe it: make migration m="add a thing"' >&2; exit 2; }
	@.venv/bin/campaigns migration "$(m)"
	@.venv/bin/ruff format -q migrations

clean: ## Remove build and cache files; .venv and .data stay
	rm -rf dist build test-results .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find campaigns tests migrations -name __pycache__ -type d -prune -exec rm -rf {} +
