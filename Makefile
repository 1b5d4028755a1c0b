# `make demo` and `make test` need Python >= 3.10 with venv, Node >= 18 with npm, and nothing else.
#   make demo ARGS="--no-browser --port 8899"     options for JupyterLab
#   make quick PYTEST_ARGS="-k spline"            options for pytest
PYTHON ?= python3
VENV ?= .venv
ARGS ?=
PYTEST_ARGS ?=

BIN := $(VENV)/bin
STAMPS := $(VENV)/.stamps
WIDGET := kan_widget/static/widget.js
NODE_MODULES := js/node_modules/.package-lock.json
JS_SOURCES := $(shell find js -type f -not -path '*/node_modules/*' -not -name '*.md' -not -path 'js/test/*')
AS_ROOT := $(if $(filter 0,$(shell id -u)),--allow-root)

export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Notebooks, subprocesses and the wheel check must see the packages of this environment only.
unexport PYTHONPATH PYTHONHOME

.PHONY: help demo test quick hosts triton sanitize lint types js-test numbers pytest bench format pins clean chromium
.DELETE_ON_ERROR:

help:
	@echo "make demo    open notebooks/quickstart.ipynb in JupyterLab"
	@echo "make test    run every check, browser tests included"
	@echo "make quick   run the checks that need neither a browser nor a build"
	@echo "make numbers run the tests of numbers without the native kernel"
	@echo "make hosts   run the widget in Jupyter Notebook, Voila and marimo as well"
	@echo "make triton  run the tests of the kernels for cuda, on a device or in Triton's interpreter"
	@echo "make sanitize run the tests of the native kernel under GCC's sanitizers"
	@echo "make bench   run the benchmarks"
	@echo "make format  format and fix what ruff can"
	@echo "make pins    write constraints.txt from the environment"
	@echo "make clean   remove everything made here"

demo: $(STAMPS)/demo $(WIDGET)
	$(BIN)/jupyter lab $(AS_ROOT) notebooks/quickstart.ipynb $(ARGS)

test: lint types js-test numbers pytest

pytest: $(STAMPS)/test $(WIDGET) chromium
	$(BIN)/pytest --doctest-modules kan_widget tests $(PYTEST_ARGS)

# The tests of all numbers without the kernel, which `make pytest` takes where there is a compiler; those left out
# choose for themselves.
NUMBERS := tests/nn tests/test_parity.py tests/test_pruning_numbers.py -m "not slow" \
  $(patsubst %,--ignore tests/nn/test_%.py,data faults gpu native turns whole)

numbers: $(STAMPS)/test
	KAN_WIDGET_BACKEND=torch $(BIN)/pytest $(NUMBERS) $(PYTEST_ARGS)

quick: lint types js-test $(STAMPS)/test
	$(BIN)/pytest --doctest-modules kan_widget tests -m "not browser and not slow and not wheel" $(PYTEST_ARGS)

hosts: $(STAMPS)/hosts $(WIDGET) chromium
	$(BIN)/pytest tests/browser/hosts $(PYTEST_ARGS)

triton: $(STAMPS)/triton
	$(BIN)/pytest tests/nn/test_gpu.py $(PYTEST_ARGS)

sanitize: $(STAMPS)/test
	$(BIN)/python scripts/sanitize.py

lint: $(STAMPS)/test
	$(BIN)/ruff format --check
	$(BIN)/ruff check

types: $(STAMPS)/test $(NODE_MODULES)
	$(BIN)/mypy kan_widget
	cd js && npm run --silent typecheck

js-test: $(WIDGET)
	cd js && npm test --silent

bench: $(STAMPS)/bench $(WIDGET)
	$(BIN)/python -m benchmarks $(ARGS)

format: $(STAMPS)/test
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

pins: $(STAMPS)/hosts $(STAMPS)/bench
	$(BIN)/python scripts/pin.py > constraints.new
	mv constraints.new constraints.txt

clean:
	rm -rf $(VENV) js/node_modules kan_widget/static dist build .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -prune -exec rm -rf {} +

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "kan_widget needs Python 3.10 or newer; this is " + sys.version.split()[0] + ". Name another: make PYTHON=/path/to/python3")'
	$(PYTHON) -m venv $(VENV)

# The front end is built by its own rule below, so the editable install leaves npm alone.
$(STAMPS)/%: pyproject.toml constraints.txt | $(VENV)/bin/python
	HATCH_JUPYTER_BUILDER_SKIP_NPM=1 $(BIN)/python -m pip install $(if $(CI),--quiet) --constraint constraints.txt --editable ".[$*]"
	@mkdir -p $(STAMPS) && touch $@

$(NODE_MODULES): js/package.json $(wildcard js/package-lock.json)
	@command -v node >/dev/null || { echo "kan_widget builds its front end with Node 18 or newer and npm; there is none here (sudo apt-get install nodejs npm)." >&2; exit 1; }
	@node -e 'if (+process.versions.node.split(".")[0] < 18) { console.error("kan_widget needs Node 18 or newer; this is " + process.version); process.exit(1) }'
	cd js && npm ci --no-audit --no-fund
	@touch $@

$(WIDGET): $(JS_SOURCES) | $(NODE_MODULES)
	cd js && npm run --silent build
	@touch $@

# Tests that need a browser skip themselves, and are counted, when there is none.
chromium:
	@scripts/install-chromium
