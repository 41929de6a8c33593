"""What commands show of a trial's facts, of its curves' diagnosis, and of a long test result."""

from __future__ import annotations

import json

import pytest

TOY = """
def train(trial):
    trial.record(parameters=10 * trial.number, split="a1b2")
    for epoch in trial.epochs():
        if trial.number == 1:
            raise ValueError("broken")
        trial.record(ready=True)
        trial.report(val_loss=trial.config["x"] + 1.0 / epoch)


def test(trial):
    return {"accuracy": 0.75, "samples": 4, "confusion": [[2, 1], [0, 1]], "mc_dropout": {"passes": 2}}
"""
TESTED = {"accuracy": 0.75, "samples": 4, "confusion": [[2, 1], [0, 1]], "mc_dropout": {"passes": 2}}


@pytest.fixture
def noted(toy):
    toy.write("toy.py", TOY)
    return toy


@pytest.mark.parametrize("engine", ["inline", "local"])
def test_facts_diagnosis_and_the_whole_test_are_in_the_results(noted, engine):
    done = noted.sweep("run", "toy.yaml", "-s", "epochs=5", "-s", "budget.trials=2", "-s", f"engine={engine}")
    assert done.returncode == 3, done.stderr  # one trial failed
    lines = done.stdout.splitlines()
    assert "test:   accuracy=0.75 samples=4" in lines
    assert "curves: still improving" in lines
    test = json.loads((noted.path / "results/toy/best/test.json").read_text())
    assert test["metrics"] == TESTED

    rows = json.loads(noted.sweep("trials", "toy", "--json").stdout)["trials"]
    facts = [[row[f"info.{name}"] for name in ("parameters", "ready", "split")] for row in rows]
    assert facts == [[0, True, "a1b2"], [10, None, "a1b2"]]
    assert [row["diagnosis"] for row in rows] == ["still improving", None]

    shown = noted.sweep("show", "toy").stdout
    header = next(line for line in shown.splitlines() if "seconds" in line)
    assert header.split()[-1] == "diagnosis" and "info." not in header
    assert shown.count("still improving") == 2  # in the table, and of the winner
    narrow = noted.sweep("show", "toy", "--json").stdout
    best = json.loads(narrow)["best"]
    assert (best["diagnosis"], best["test"]) == ("still improving", TESTED)


def test_commands_print_the_numbers_of_a_test_only(noted):
    noted.sweep("run", "toy.yaml", "-s", "budget.trials=1", "-q")
    assert noted.sweep("test", "toy").stdout == "trial 0, epoch 3: accuracy=0.75 samples=4\n"
    assert json.loads(noted.sweep("test", "toy", "--json").stdout)["test"] == TESTED
    assert "diagnosis" not in noted.sweep("show", "toy").stdout  # three epochs tell nothing
