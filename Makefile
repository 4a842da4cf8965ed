# Two commands on a fresh machine: `make demo` and `make test`. Each sets up whatever it needs in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK = 1
# the tests start hundreds of processes: compiled modules are kept whatever the host says
export PYTHONDONTWRITEBYTECODE =

.DEFAULT_GOAL := help
.PHONY: help demo test soak bench lint rules format lock clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(BIN)/python requirements.lock pyproject.toml
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	$(BIN)/python -m pip install --quiet --require-hashes --no-deps -r requirements-dev.lock
	@touch $@

demo: $(VENV)/.run  ## run the main job on generated data, then serve the console (ONCE=1 stops after the steps)
	$(BIN)/xueji demo $(if $(ONCE),--once,)

test: $(VENV)/.dev  ## all tests, sampled: under 15 minutes on 2 cores
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

soak: $(VENV)/.dev  ## the long counts that the issues ask for
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "soak or not soak" $(ARGS)

bench: $(VENV)/.dev  ## side-by-side ratios, written to bench/RESULTS.md (ADULT=folder with the Adult data)
	$(BIN)/python -m bench $(if $(ADULT),--adult $(ADULT),)

lint: $(VENV)/.dev  ## ruff, mypy --strict, import contracts, no rule of the regulation lost
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.rules_document --check

rules: $(VENV)/.dev  ## write docs/rules.md: every rule, where it is kept, the tests that prove it
	$(BIN)/python -m tests.rules_document

format: $(VENV)/.dev  ## let ruff put imports and layout right
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: $(VENV)/.dev  ## renew the lock files, leaving out releases younger than five days
	$(BIN)/uv pip compile pyproject.toml --extra build --generate-hashes --no-emit-index-url --no-header --no-annotate \
	  --python-version 3.11 --exclude-newer $$(date -d '5 days ago' +%F) -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --extra build --extra dev --override requirements-overrides.txt --generate-hashes --no-emit-index-url --no-header --no-annotate \
	  --python-version 3.11 --exclude-newer $$(date -d '5 days ago' +%F) -o requirements-dev.lock

clean:  ## remove what the demo and the tests wrote
	rm -rf var .pytest_cache .mypy_cache .ruff_cache
