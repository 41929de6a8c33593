# Everything a newcomer types. Each target makes the virtual environment it needs, once.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: run test check faults faults-peers bench clean

run: $(VENV)/runtime
	$(BIN)/sweep run search_spaces/cnn.yaml

test: $(VENV)/test
	$(BIN)/python -m pytest

faults: $(VENV)/test
	$(BIN)/python -m pytest tests/faults tests/fuzz tests/runner/test_edit_killed.py -m "faults or not faults"

check: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_architecture.py

# The same faults on Ray Tune, Optuna and, where SYNE_TUNE_PYTHON names a Python that has it, Syne Tune.
faults-peers: $(VENV)/runtime
	$(BIN)/python -m benchmarks.faults.run

bench: $(VENV)/runtime
	$(BIN)/python -m benchmarks.parallel.run
	$(BIN)/python -m benchmarks.overhead.run
	$(BIN)/python -m benchmarks.simulation.run
	$(BIN)/python -m benchmarks.training.run
	$(BIN)/python -m benchmarks.accuracy.run

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis build *.egg-info

# One stamp an installed set: a change of the dependencies installs again.
$(VENV)/python:
	$(PYTHON) -m venv $(VENV)
	touch $@

$(VENV)/runtime: $(VENV)/python pyproject.toml constraints.txt
	$(PIP) -e .
	touch $@

$(VENV)/test: $(VENV)/python pyproject.toml constraints.txt
	$(PIP) -e '.[test]'
	touch $@

$(VENV)/dev: $(VENV)/python pyproject.toml constraints.txt
	$(PIP) -e '.[dev]'
	touch $@
