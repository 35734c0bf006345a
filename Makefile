# Two commands matter: `make run` and `make test`. Both prepare everything they need and take seconds when repeated.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help run test check bench nightly pins

# Several processes make up a run: bytecode is kept, whatever the shell says, or each would compile the program again.
export PYTHONDONTWRITEBYTECODE :=

# The first that runs and is new enough: of several, version managers leave names that do not run.
PYTHON ?= $(shell for each in python3.11 python3.12 python3.13 python3; do \
	$$each -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && command -v $$each && break; done)
PORT ?= 8000
VENV := .venv
BIN := $(VENV)/bin
RUN_READY := $(VENV)/.run-ready
DEV_READY := $(VENV)/.dev-ready
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -rfEs
# One whose Python is gone has nothing that is ready.
GONE := $(shell [ -x $(BIN)/python ] || rm -f $(RUN_READY) $(DEV_READY))
# An environment that was broken off while it was made has a python and no pip: it is made anew.
WHOLE = $(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes

help:  ## what there is to make
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  make run PORT=8080 serves on another port."

run: $(RUN_READY)  ## the whole product in a sandbox: web, engine, provider stand-in, sample book
	@PORT=$(PORT) exec $(BIN)/flask --app wsgi sandbox run

test: $(DEV_READY)  ## the whole suite, on SQLite and on a real PostgreSQL
	@$(PYTEST) -m "not nightly"

check: $(DEV_READY)  ## style, types, the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(DEV_READY)  ## the figures, each program with its limits
	@set -e; for program in $(filter-out __init__,$(basename $(notdir $(wildcard bench/*.py)))); do echo "== $$program"; $(BIN)/python -m bench.$$program; done

nightly: $(DEV_READY)  ## what takes too long for every run: fuzz, soak, kill
	@$(PYTEST) -m nightly

pins: $(DEV_READY)  ## compile requirements*.in into requirements*.txt with hashes
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url requirements.in -o requirements.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url requirements-dev.in -o requirements-dev.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url -c requirements-dev.txt requirements-experiments.in -o requirements-experiments.txt

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Duecourse needs Python 3.11 or newer; none was found. Name one: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Duecourse needs Python 3.11 or newer; $(PYTHON) is older. Name one: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "Making the environment in $(VENV) ..."
	@$(PYTHON) -m venv --clear $(VENV) || { echo "This Python cannot make environments; on Debian and Ubuntu: apt-get install python3-venv" >&2; rm -rf $(VENV); exit 1; }

$(RUN_READY): requirements.txt | $(BIN)/python
	@$(WHOLE)
	@if [ ! -e $(DEV_READY) ] || [ requirements.txt -nt $(DEV_READY) ]; then echo "Installing what it runs on (once, half a minute or so) ..."; $(PIP) -r requirements.txt; fi
	@touch $@

$(DEV_READY): requirements-dev.txt | $(BIN)/python
	@$(WHOLE)
	@echo "Installing what it runs on and is tested with (once, a minute or so) ..."
	@$(PIP) -r requirements-dev.txt
	@touch $@
