# Every target sets up what it needs: a virtual environment in .venv, made from pyproject.toml.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tests start many processes, which should not compile the library each time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test check format generate stress bench docs clean

help:
	@echo "make demo      the main job on the embedded store: a course in, looked at, edited, published, exported, a file served"
	@echo "make test      all tests, servers included (they are installed, started and stopped by the tests)"
	@echo "make check     the fast checks: format, lint, types, import rules, generated files"
	@echo "make format    format the code, generate the synchronous twins and the command's reference"
	@echo "make stress    the long concurrency runs, and the lowest versions of dependencies"
	@echo "make bench     the benchmarks"
	@echo "make docs      the documentation as a site, in site/"
	@echo "make clean     remove the virtual environment and what was built"

# Debian's python3 comes without the module that makes virtual environments.
$(VENV)/.base: pyproject.toml
	@$(PYTHON) tools/make_venv.py $(VENV)
	@touch $@

$(VENV)/.demo: $(VENV)/.base
	@$(BIN)/python -m pip install -q -e '.[origin]'
	@touch $@

$(VENV)/.all: $(VENV)/.base
	@$(BIN)/python -m pip install -q -e '.[motor,opentelemetry,plot,origin,thumbnails,s3]' --group test --group server --group check --group docs
	@touch $@ $(VENV)/.demo

demo: $(VENV)/.demo
	@$(BIN)/python tools/demo.py

test: $(VENV)/.all check
	$(BIN)/python -m pytest -n 3 --dist worksteal

check: $(VENV)/.all
	@$(BIN)/ruff format --check -q . || { echo "not formatted: run make format"; exit 1; }
	@$(BIN)/ruff check -q .
	@$(BIN)/python -m tools.generate_sync --check
	@$(BIN)/python -m tools.command_reference --check
	@report=$$($(BIN)/lint-imports --no-cache 2>&1) || { echo "$$report"; exit 1; }
	@$(BIN)/mypy
	@echo "all checks passed"

format: $(VENV)/.all
	@$(BIN)/ruff check -q --fix . ; $(BIN)/ruff format -q .
	@$(BIN)/python -m tools.generate_sync
	@$(BIN)/python -m tools.command_reference

stress: $(VENV)/.all
	MODULESTORE_STRESS_SECONDS=$${MODULESTORE_STRESS_SECONDS:-60} $(BIN)/python -m pytest -m stress -s

docs: $(VENV)/.all
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build -q && echo "site/index.html"

bench: $(VENV)/.all
	$(BIN)/python -m tools.bench

clean:
	rm -rf $(VENV) build dist site .mypy_cache .ruff_cache .pytest_cache .hypothesis
