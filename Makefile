# Everything here runs from a bare clone with git, make and CPython 3.11 or later.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PYTEST = $(BIN)/python -m pytest -n 2 --dist loadfile
DEMO := notebooks/1_pca_undersampling_forest.ipynb
QUERY := SELECT stage, substr(code_hash, 1, 12) AS code_hash, activation_id, activation, status, round(duration, 4) AS seconds FROM stages WHERE trial_id = (SELECT id FROM latest_trial)

# What depends on the interpreter: its bytecode, its hooks, its objects, and whole kernels.
INTERPRETER := tests/trace tests/dataflow tests/fingerprint tests/capture tests/differential tests/kernels

.PHONY: lab-build pictures help demo test test-fast test-interpreter coverage check format lab notebooks bench clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## */\t/' | expand -t 12

demo: $(VENV)/.demo  ## run the fraud-detection notebook and show its stages
	$(BIN)/jupyter-provenance run $(DEMO) --output notebooks/out/1.ipynb
	@echo
	@if command -v sqlite3 > /dev/null; \
	then sqlite3 -header -column notebooks/.provenance/provenance.db "$(QUERY)"; \
	else $(BIN)/python .ci/query notebooks/.provenance/provenance.db "$(QUERY)"; fi

test: $(VENV)/.test  ## run all tests
	$(PYTEST)

test-fast: $(VENV)/.test  ## run the tests that take less than a few seconds each
	$(PYTEST) -m "not slow"

test-interpreter: $(VENV)/.test  ## run the fast tests that depend on the interpreter
	$(PYTEST) -m "not slow" $(INTERPRETER)

coverage: $(VENV)/.test  ## report the lines that the fast tests leave out, on CPython 3.12 or later
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 12))' || { echo \
	  "before 3.12 coverage is a trace function, under which our tracer rests: make coverage PYTHON=/path/to/python3.12 VENV=.venv-3.12"; exit 1; }
	rm -f .coverage .coverage.*
	$(BIN)/coverage run -m pytest -n 2 --dist loadfile -m "not slow"
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --fail-under=95

check: $(VENV)/.check  ## lint, types, layers and dead code
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/vulture

format: $(VENV)/.check  ## format the code
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lab: $(VENV)/.lab  ## open JupyterLab with the kernel
	$(BIN)/jupyter lab notebooks

lab-build:  ## build the page and the extension from their source, which needs node
	cd kernel/lab && npm ci && npm run build

pictures: $(VENV)/.test  ## draw the pictures of README.md again, which needs Chromium
	$(BIN)/python .ci/pictures

notebooks: $(VENV)/.demo  ## run the fraud-detection use case at full size
	for each in 1 2 3 4 5 6; do \
	  $(BIN)/jupyter-provenance run notebooks/$${each}_*.ipynb --output notebooks/out/$$each.ipynb || exit 1; \
	done
	cd notebooks && ../$(BIN)/jupyter-provenance list --limit 5

bench: $(VENV)/.test  ## measure against stock ipykernel; prints ratios, writes bench.json
	$(BIN)/python -m tests.benchmarks --output bench.json

clean:  ## remove what the targets above made
	rm -rf .venv .venv-* .coverage* .hypothesis .mypy_cache .ruff_cache .import_linter_cache bench.json notebooks/out notebooks/data

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "$(PYTHON) is older than 3.11; name a newer one: make PYTHON=/path/to/python3.12 …"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# One stamp for each extra: it is made again when the dependencies change.
$(VENV)/.%: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]' $(CONSTRAINTS)
	touch $@
