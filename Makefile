# Everything a newcomer types. Each target makes the virtual environment it needs, once.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: run test check faults faults-peers bench bench-search clean

run: $(VENV)/runtime
	$(BIN)/sweep run search_spaces/cnn.yaml

# In two processes: much of the suite waits for processes of its own.
test: $(VENV)/test
	$(BIN)/python -m pytest -n 2 --dist loadgroup

faults: $(VENV)/test
	$(BIN)/python -m pytest tests/faults tests/fuzz -m "faults or not faults"
	$(BIN)/python -m pytest tests/runner tests/engines -m faults

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
	$(BIN)/python -m benchmarks.search.digits

# How fast searches get good, ours and the peers': hours; it goes on where it stood (benchmarks/search/README.md).
SEARCH := $(BIN)/python -m benchmarks.search.run --jobs 2
KEPT := benchmarks/search
SEARCHES := --methods all --workers 1,4,16,64 --report
bench-search: $(VENV)/runtime
	$(PIP) onnxruntime
	$(SEARCH) --methods ours --tasks judging deceptive --workers 1,4,16,64
	$(SEARCH) --methods all --tasks judging deceptive --workers 4,16
	$(SEARCH) $(SEARCHES) --tasks judging --keep $(KEPT)/judging.json --plot $(KEPT)/judging.png
	$(SEARCH) $(SEARCHES) --tasks deceptive --keep $(KEPT)/deceptive.json --plot $(KEPT)/deceptive.png

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
