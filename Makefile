# One command sets up, one checks all. `make help` lists them.

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
PYTHONS := python3 python3.13 python3.12 python3.11
FITS := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(shell for p in $(PYTHONS); do $$p -c '$(FITS)' 2>/dev/null && echo $$p && break; done)
WORKERS ?= 2
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo test coverage check format types pages bench attacks chaos soak hostile clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile
	@echo
	@echo "New here? Run: make demo"

setup: $(INSTALLED) ## create .venv and install everything; nothing to do when nothing changed
	@echo "Ready. Next: make demo, or make test"

demo: $(INSTALLED) ## a small shop on a local broker, its verdicts live in this terminal
	$(BIN)/duly demo
	@echo "Next: docs/quickstart.md puts it into a service of yours"

test: $(INSTALLED) ## all tests, on a real Apache Kafka; ARGS="-k name" for some
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup $(ARGS)
	@echo "Tests pass. Next: make check"

coverage: $(INSTALLED) ## all tests, and which branches they take: build/coverage/index.html; ARGS="tests/engine" for some
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup --cov --cov-report=html --cov-report=term:skip-covered $(ARGS)
	@echo "Next: open build/coverage/index.html"

# The cache of lint-imports misses modules that are new.
check: $(INSTALLED) ## format, lint, types and import rules, without changing anything
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports --no-cache
	@echo "Clean. Next: make test"

format: $(INSTALLED) ## format the code and mend what the linter can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	@echo "Formatted. Next: make check"

types: $(INSTALLED) ## types alone
	$(BIN)/pyright
	@echo "Types are right. Next: make check"

pages: $(INSTALLED) ## write the pages of docs/ that are made from the code
	$(BIN)/python -m tools.settings_page
	$(BIN)/python -m tools.metrics_page
	$(BIN)/python -m tools.topics_page
	@echo "Written. Next: make test ARGS=tests/docs"

bench: $(INSTALLED) ## events per second, against a bare consumer on the same Kafka; ARGS="--json"
	$(BIN)/python -m benchmarks $(ARGS)

attacks: $(INSTALLED) ## every attack on the sandbox that we know of, by replay and by a worker; ARGS="--json"
	$(BIN)/python -m tests.attacks $(ARGS)

chaos: $(INSTALLED) ## workers that are killed, frozen and restarted under load, audited; ARGS="zombie" for one
	$(BIN)/python -m tests.chaos $(ARGS)

soak: $(INSTALLED) ## a service records for ten minutes while its broker is restarted three times; ARGS="--minutes 2"
	$(BIN)/python -m tests.soak $(ARGS)

hostile: $(INSTALLED) ## good scripts beside hostile ones, on a real worker; ARGS="--seconds 15"
	$(BIN)/python -m tests.hostile $(ARGS)

clean: ## remove .venv, fetched brokers and caches
	rm -rf $(VENV) .duly build dist .pytest_cache .ruff_cache .coverage* .hypothesis .import_linter_cache
	@echo "Gone. Next: make setup"

$(INSTALLED): pyproject.toml
	@test -n "$(PYTHON)" || { echo "Install Python 3.11, 3.12 or 3.13, or name one: make PYTHON=... setup"; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || { echo "On Debian: apt-get install python3-venv"; exit 1; }
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@
