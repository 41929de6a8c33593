"""What may be reported, and what stands in metrics.jsonl."""

from __future__ import annotations

import json
import subprocess
import sys
from enum import StrEnum

import numpy as np
import pytest
import torch

from sweeps.errors import ReportError, TrialError
from sweeps.messages import Raised
from sweeps.trial import Trial, run_attempt
from tests.trial.helpers import Recorder, make_spec, stop_at


def rows(directory):
    return [
        json.loads(line, parse_constant=pytest.fail)
        for line in (directory / "metrics.jsonl").read_text().splitlines()
    ]


def test_every_kind_of_scalar_becomes_a_float(tmp_path):
    channel = Recorder()
    trial = Trial(make_spec(tmp_path), channel)
    given = {
        "t": torch.tensor(2.0, requires_grad=True),
        "one": torch.tensor([3]),
        "n": np.float32(0.5),
        "i": np.int64(4),
    }
    trial.report({**given, "a": np.array(1.5)}, epoch=1, val_loss=1, flag=True, lr=1e-4)
    (epoch, metrics) = channel.reports[0]
    assert epoch == 1
    assert metrics == {
        "t": 2.0,
        "one": 3.0,
        "n": 0.5,
        "i": 4.0,
        "a": 1.5,
        "val_loss": 1.0,
        "flag": 1.0,
        "lr": 1e-4,
    }
    assert {type(value) for value in metrics.values()} == {float}
    assert rows(tmp_path)[0]["metrics"] == metrics


def test_names_are_plain_strings(tmp_path):
    class Name(StrEnum):
        LOSS = "val_loss"

    channel = Recorder()
    Trial(make_spec(tmp_path), channel).report({Name.LOSS: 1.0}, epoch=1)
    assert [type(name) for name in channel.reports[0][1]] == [str]
    for name in (1, "", None):
        with pytest.raises(ReportError, match="a metric's name must be a non-empty string, found"):
            Trial(make_spec(tmp_path), channel).report({name: 1.0, "val_loss": 1.0}, epoch=1)
    rule = "must not begin with 'metric.', .* found 'metric.acc': report it as 'acc'"
    with pytest.raises(ReportError, match=rule):
        Trial(make_spec(tmp_path), channel).report({"metric.acc": 1.0, "val_loss": 1.0}, epoch=1)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("0.5", "str '0.5'"),
        (None, "NoneType None"),
        (torch.ones(3), r"Tensor of shape \(3,\)"),
        (np.ones((2, 2)), r"ndarray of shape \(2, 2\)"),
        ([1.0], r"list \[1.0\]"),
        (1 + 2j, "complex"),
        (10**400, "int 1000"),
    ],
)
def test_anything_else_is_refused_by_name_value_and_rule(tmp_path, value, found):
    with pytest.raises(ReportError, match=f"metric 'acc' must be one number, found {found}"):
        Trial(make_spec(tmp_path), Recorder()).report(val_loss=1.0, acc=value, epoch=1)


def test_a_missing_objective_names_the_nearest_given_metric(tmp_path):
    with pytest.raises(ReportError, match=r"must hold the objective 'val_loss' .* did you mean 'val_los'\?"):
        Trial(make_spec(tmp_path), Recorder()).report(val_los=1.0, acc=0.1, epoch=1)
    assert not (tmp_path / "metrics.jsonl").exists()


def test_non_finite_values_are_strict_json(tmp_path):
    trial = Trial(make_spec(tmp_path), Recorder())
    trial.report(val_loss=float("nan"), up=float("inf"), down=-float("inf"), epoch=1)
    assert rows(tmp_path)[0]["metrics"] == {"val_loss": "NaN", "up": "Infinity", "down": "-Infinity"}


@pytest.mark.parametrize("epoch", [0, -1, 7, 1.0, True, "1"])
def test_a_free_epoch_must_be_a_whole_number_in_range(tmp_path, epoch):
    with pytest.raises(
        ReportError, match=r"epoch must be a whole number above the last reported, 0, and at most .* 6"
    ):
        Trial(make_spec(tmp_path), Recorder()).report(val_loss=1.0, epoch=epoch)


def test_a_free_epoch_must_be_given_and_grow(tmp_path):
    trial = Trial(make_spec(tmp_path), Recorder())
    with pytest.raises(ReportError, match="the epoch must be given"):
        trial.report(val_loss=1.0)
    trial.report(val_loss=1.0, epoch=2)
    with pytest.raises(ReportError, match="above the last reported, 2"):
        trial.report(val_loss=1.0, epoch=2)
    with pytest.raises(ReportError, match="'epoch' is the number of the epoch"):
        trial.report({"val_loss": 1.0, "epoch": 3}, epoch=3)


def test_a_stop_is_seen_by_a_function_without_the_loop(tmp_path):
    trial = Trial(make_spec(tmp_path), stop_at(2, "asha"))
    seen = []
    for epoch in (1, 2):
        trial.report(val_loss=1.0, epoch=epoch)
        seen.append((trial.should_stop, trial.stop_reason))
    assert seen == [(False, None), (True, "asha")]


def test_attempts_append_and_a_torn_line_is_cut_off(tmp_path):
    Trial(make_spec(tmp_path), Recorder()).report(val_loss=1.0, epoch=1)
    with open(tmp_path / "metrics.jsonl", "a") as file:
        file.write('{"number": 7, "att')
    Trial(make_spec(tmp_path, attempt=2), Recorder()).report(val_loss=2.0, epoch=1)
    assert [(row["number"], row["attempt"], row["epoch"]) for row in rows(tmp_path)] == [(7, 1, 1), (7, 2, 1)]


def test_a_test_function_may_neither_train_nor_report(tmp_path):
    trial = Trial(make_spec(tmp_path))
    with pytest.raises(TrialError, match="a test function cannot report"):
        trial.report(val_loss=1.0, epoch=1)
    with pytest.raises(TrialError, match="a test function cannot train"):
        trial.epochs()


def test_a_report_error_ends_the_attempt_with_its_message(tmp_path):
    outcome = run_attempt(
        lambda trial: trial.report(acc=1.0, epoch=1), make_spec(tmp_path), Recorder(), "cpu"
    )
    assert isinstance(outcome, Raised)
    assert outcome.message.startswith("ReportError: every report must hold the objective 'val_loss'")


def test_a_trial_without_objects_needs_neither_torch_nor_numpy(tmp_path):
    code = f"""
import sys, pathlib
from sweeps.messages import Continue, TrialSpec
from sweeps.trial import run_attempt
class Channel:
    def report(self, epoch, metrics): return Continue()
def train(trial):
    for epoch in trial.epochs(): trial.report(val_loss=1.0 / epoch)
spec = TrialSpec(0, 1, {{}}, 1, 5, "val_loss", "minimize", pathlib.Path({str(tmp_path)!r}))
print(run_attempt(train, spec, Channel(), "cpu"), sorted({{"torch", "numpy"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "Returned() []\n"
