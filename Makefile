# make train | test | test-slow | test-faults | test-gpu | bench | lint | format | env
# ARGS="..." is handed on: overrides to train, such as ARGS="model=lenet data.resize=28", options to the others.
# PYTHON=python3.12 chooses the interpreter of a new environment (3.11 to 3.13).
PYTHON ?= python3
BIN := .venv/bin
UV := $(shell command -v uv 2>/dev/null)

CHECK := $(BIN)/python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
	{ rm -rf .venv; echo "error: Python 3.11 to 3.13 is needed; type make env PYTHON=python3.12"; exit 2; }

.PHONY: env train test test-slow test-faults test-gpu bench lint format

env: .venv/.installed

# torch takes a minute or two to install, so only a change of these two files installs anything again.
.venv/.installed: pyproject.toml constraints.txt
ifneq ($(UV),)
	test -x $(BIN)/python || uv venv --python $(PYTHON) .venv
	@$(CHECK)
	VIRTUAL_ENV=.venv uv pip install -c constraints.txt -e '.[dev]'
else
	test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	@$(CHECK)
	$(BIN)/pip install --quiet -c constraints.txt -e '.[dev]'
endif
	@touch $@

train: env
	$(BIN)/python train.py $(ARGS)

# Two processes with one thread each are faster than one with two, which wait for each other in small nets.
test: env
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile $(ARGS)

test-faults: env
	$(BIN)/pytest -m fault $(ARGS)

test-slow: env
	$(BIN)/pytest -m slow $(ARGS)

test-gpu: env
	$(BIN)/pytest -m gpu $(ARGS)

bench: env
	$(BIN)/python -m benchmarks $(ARGS)

lint: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: env
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
