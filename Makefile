# Everything sets itself up first; only Python 3.11 or later, with pip and venv, has to be there.
#
#   make demo     a small company: flows of every kind, and in whose name each action ran
#   make test     the tests
#   make check    formatting, types, imports and the house's own rules
#   make fuzz     100,000 random requests to the Web API, each answer held against the row law
#   make endure   1,000 runs while workers are killed and frozen, the database ends, its disk is full
#   make bench    how fast, beside a floor measured in the same run
#   make lock     compile requirements/*.txt again (maintainers)

PYTHON ?= $(shell command -v python3 || command -v python)
BIN := .venv/bin
RUNTIME := .venv/.runtime
DEV := .venv/.dev

.PHONY: setup demo test check fuzz endure bench lock clean

setup: $(DEV)

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("Flowner needs Python 3.11 or later" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv

$(RUNTIME): requirements/runtime.txt pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/runtime.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/build.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

$(DEV): $(RUNTIME) requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	touch $@

demo: $(RUNTIME)
	$(BIN)/flowner demo

test: $(DEV)
	tools/browser.sh
	tools/temporal.sh
	$(BIN)/python -m pytest -q

check: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/house

fuzz: $(DEV)
	$(BIN)/python tests/webapi/fuzz.py --requests 100000 --seed $${SEED:-1}

endure: $(DEV)
	$(BIN)/python tests/engine/endure.py --runs 1000 --kills 200
	$(BIN)/python tests/engine/endure.py --runs 300 --freezes 20
	$(BIN)/python tests/engine/endure.py --runs 300 --restarts 20
	$(BIN)/python tests/engine/endure.py --runs 300 --fills 3
	[ -z "$$(tools/temporal.sh)" ] || $(BIN)/python tests/engine/endure.py --runs 300 --temporal --kills 40 --losses 8

bench: $(DEV)
	for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

lock: $(DEV)
	for extra in runtime dev build otel temporal; do \
	  $(BIN)/uv pip compile --quiet --generate-hashes --universal --no-strip-extras --python-version 3.11 \
	    --no-header --no-annotate $$([ $$extra = runtime ] || echo --extra $$extra) \
	    -o requirements/$$extra.txt pyproject.toml || exit 1; \
	done

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
