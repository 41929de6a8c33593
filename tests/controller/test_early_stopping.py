"""Early stopping on hand-made curves, and what the model holds when it has stopped."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

import sweeps
from sweeps.controller.early_stopping import stops_early

NAN = math.nan
# (curve, goal, patience, min_delta, the epoch that must stop; None: it runs to its end)
CURVES = [
    ([5, 4, 3, 2, 1], "minimize", 1, 0.0, None),
    ([5, 4, 4, 3, 3], "minimize", 1, 0.0, 3),  # as good is not better
    ([5, 4, 6, 7, 3, 8], "minimize", 2, 0.0, 4),
    ([5, 4, 6, 3, 8, 9, 2], "minimize", 3, 0.0, None),  # epoch 4 begins the count anew
    ([5, 6, 7, 8], "minimize", 3, 0.0, 4),  # the first epoch is the best
    ([1.0, 0.95, 0.9, 0.85, 0.8], "minimize", 2, 0.2, 3),  # a creep is no progress
    ([1.0, 0.9, 0.79, 0.7, 0.58], "minimize", 2, 0.2, None),  # but adds up against the reference
    ([1.0, 0.8, 0.8], "minimize", 1, 0.2, 2),  # by more than min_delta, not by as much
    ([0.1, 0.5, 0.4, 0.5, 0.9], "maximize", 2, 0.0, 4),
    ([0.1, 0.2, 0.3, 0.4], "maximize", 1, 0.0, None),
    ([-1, -2, -3, -2, -2], "minimize", 2, 0.5, 5),
    ([5, NAN, NAN, 4], "minimize", 2, 0.0, 3),  # what is no number is no progress
    ([NAN, 3, 4, 2], "minimize", 2, 0.0, None),
    ([NAN, NAN, 3], "maximize", 2, 0.0, 2),
    ([math.inf, 5, -math.inf], "minimize", 2, 0.0, None),
    ([3], "minimize", 1, 0.0, None),
]


@pytest.mark.parametrize(("curve", "goal", "patience", "min_delta", "epoch"), CURVES)
def test_the_epoch_that_stops(curve, goal, patience, min_delta, epoch) -> None:
    values, stopped = {}, None
    for now, value in enumerate(curve, start=1):
        values[now] = value
        if stops_early(values, goal, patience, min_delta):
            stopped = now
            break
    assert stopped == epoch


CODE = """
import json
import torch
from math import inf

CURVES = {curves!r}

def train(trial):
    curve = CURVES[trial.config["curve"]]
    model = torch.nn.Linear(1, 1, bias=False)
    for epoch in trial.epochs(model=model):
        model.weight.data.fill_(curve[epoch - 1])       # the model is the curve: its output is the loss
        trial.report(val_loss=evaluate(model))
    (trial.directory / "after.json").write_text(json.dumps(evaluate(model)))

def evaluate(model):
    return model(torch.ones(1, 1)).item()
"""
YAML = """
version: 1
name: early
train: curves_code:train
metric: {{name: val_loss, goal: {goal}}}
epochs: {epochs}
parameters: {{curve: {{values: [0]}}}}
early_stopping: {{patience: {patience}, min_delta: {min_delta}}}
engine: inline
"""
FINITE = [row for row in CURVES if all(map(math.isfinite, row[0]))]


@pytest.mark.parametrize(("curve", "goal", "patience", "min_delta", "epoch"), FINITE)
def test_a_trial_stops_there_with_the_weights_of_its_best_epoch(
    tmp_path: Path, curve, goal, patience, min_delta, epoch
) -> None:
    (tmp_path / "curves_code.py").write_text(CODE.format(curves=[curve]))
    path = tmp_path / "early.yaml"
    path.write_text(YAML.format(goal=goal, epochs=len(curve), patience=patience, min_delta=min_delta))
    results = sweeps.run(path, results=tmp_path)
    row = results.trials.iloc[0]
    assert (row["state"], row["epochs"]) == ("COMPLETE", epoch or len(curve))
    assert row["stop_reason"] == ("early_stopping" if epoch and epoch < len(curve) else "finished")
    best = (min if goal == "minimize" else max)(curve[: epoch or len(curve)])
    assert row["metric"] == pytest.approx(best)
    after = json.loads((tmp_path / "early" / "trials" / "0000" / "after.json").read_text())
    assert after == pytest.approx(best)


def test_a_loss_that_is_no_number_ends_the_trial_at_once(tmp_path: Path) -> None:
    (tmp_path / "curves_code.py").write_text(CODE.format(curves=[[3.0, math.inf, 1.0]]))
    path = tmp_path / "early.yaml"
    path.write_text(YAML.format(goal="minimize", epochs=3, patience=3, min_delta=0.0))
    row = sweeps.run(path, results=tmp_path).trials.iloc[0]
    assert (row["state"], row["stop_reason"], row["epochs"]) == (
        "FAILED",
        "nonfinite",
        1,
    )  # a loss that is none does not count
