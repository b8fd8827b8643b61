# Two commands on a fresh machine: `make demo`, `make test`. Needs python3 ≥ 3.11 and make.
.DEFAULT_GOAL := demo
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
GROUPS_INSTALLED := .venv/.installed-test
# xdist's workers: the machine's cores, unless said otherwise.
WORKERS ?= auto

.PHONY: env demo test test-all lint clean

env: $(INSTALLED)

# uv where there is one, else venv and pip: the same pinned versions either way.
$(INSTALLED): pyproject.toml constraints.txt
	@if command -v uv >/dev/null; then \
	  uv venv --quiet --allow-existing --python $(PYTHON) .venv && \
	  uv pip install --quiet --python $(BIN)/python --constraints constraints.txt -e '.[wan]'; \
	else \
	  $(PYTHON) -m venv .venv && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt -e '.[wan]'; \
	fi
	@touch $@

# pip knows dependency groups only from 25.1 on, which may be newer than the one that Python brought.
$(GROUPS_INSTALLED): $(INSTALLED)
	@if command -v uv >/dev/null; then \
	  uv pip install --quiet --python $(BIN)/python --constraints constraints.txt -e '.[wan]' --group test; \
	else \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip>=25.1' && \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt -e '.[wan]' --group test; \
	fi
	@touch $@

demo: env
	$(BIN)/littoral run quickstart --out runs/quickstart --overwrite
	@echo "report: $$(pwd)/runs/quickstart/report.html"

lint: $(GROUPS_INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

test: lint
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m "not full"

test-all: lint
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

clean:
	rm -rf .venv runs dist build
