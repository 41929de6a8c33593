"""How the end of a function is told, whatever it does."""

from __future__ import annotations

import json
import pickle
import random
import sys

import numpy as np
import pytest
import torch

from sweeps.messages import Died, Interrupted, Raised, Returned
from sweeps.trial import Config, Overdue, run_attempt
from tests.trial.helpers import Recorder, make_spec, stop_at


class Unprintable(Exception):
    def __str__(self):
        raise RuntimeError("no text")


def raising(error):
    def train(trial):
        raise error

    return train


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (ValueError("hidden size\n  must be positive"), "error", "ValueError: hidden size must be positive"),
        (ValueError(), "error", "ValueError"),
        (Unprintable(), "error", "Unprintable: <exception str() failed>"),
        (ValueError("lone \ud800 surrogate"), "error", "ValueError: lone \\ud800 surrogate"),
        (SystemExit(3), "error", "called sys.exit(3)"),
        (SystemExit("bye"), "error", "called sys.exit(bye)"),
        (GeneratorExit(), "error", "GeneratorExit"),
        (MemoryError(), "oom", "MemoryError"),
        (torch.OutOfMemoryError("CUDA out of memory"), "oom", "OutOfMemoryError: CUDA out of memory"),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory"),
            "oom",
            "RuntimeError: DefaultCPUAllocator: can't",
        ),
        (ValueError("x" * 10_000), "error", "ValueError: " + "x" * 488),
    ],
)
def test_exceptions_are_classified(tmp_path, error, kind, message):
    outcome = run_attempt(raising(error), make_spec(tmp_path), Recorder(), "cpu")
    assert isinstance(outcome, Raised)
    assert outcome.kind == kind
    assert outcome.message.startswith(message)
    assert len(outcome.message) <= 500
    assert len(outcome.traceback) <= 20_000
    pickle.dumps(outcome).decode("latin-1")
    outcome.traceback.encode()


def test_the_traceback_starts_in_the_users_code_and_is_written_to_the_log(tmp_path, capsys):
    outcome = run_attempt(raising(KeyError("lr")), make_spec(tmp_path), Recorder(), "cpu")
    assert "in train" in outcome.traceback
    assert "run_attempt" not in outcome.traceback
    assert capsys.readouterr().err == outcome.traceback


def test_a_long_traceback_keeps_its_end(tmp_path):
    def deep(trial, depth=300):
        marker = "y" * 90
        if depth == 0:
            raise ValueError("at the bottom")
        return [lambda: deep(trial, depth - 1), marker][0]()

    outcome = run_attempt(deep, make_spec(tmp_path), Recorder(), "cpu")
    assert outcome.traceback.endswith("ValueError: at the bottom\n")


def test_ctrl_c_and_a_timeout_are_no_errors_of_the_function(tmp_path):
    assert run_attempt(raising(KeyboardInterrupt()), make_spec(tmp_path), Recorder(), "cpu") == Interrupted()
    late = run_attempt(raising(Overdue("no report for 30 s")), make_spec(tmp_path), Recorder(), "cpu")
    assert late == Died("hang", "no report for 30 s")


def test_whatever_follows_an_interrupting_stop_the_attempt_was_interrupted(tmp_path):
    def train(trial):
        for _ in trial.epochs():
            trial.report(val_loss=1.0)
        raise RuntimeError("after the loop")

    assert run_attempt(train, make_spec(tmp_path), stop_at(2, "interrupted"), "cpu") == Interrupted()
    assert isinstance(run_attempt(train, make_spec(tmp_path), Recorder(), "cpu"), Raised)


def test_every_loaded_generator_is_seeded_by_the_trials_seed(tmp_path):
    drawn = []

    def train(trial):
        drawn.append((random.random(), np.random.rand(), torch.rand(1).item()))

    for seed in (5, 5, 2**63 - 1):
        assert run_attempt(train, make_spec(tmp_path, seed=seed), Recorder(), "cpu") == Returned()
    assert drawn[0] == drawn[1]
    assert len({*drawn[0], *drawn[2]}) == 6


def test_log_writes_a_line_with_the_time(tmp_path, capsys):
    run_attempt(lambda trial: trial.log("warm-up done"), make_spec(tmp_path), Recorder(), "cpu")
    day, clock, text = capsys.readouterr().out.split(maxsplit=2)
    assert (len(day), len(clock), text) == (10, 8, "warm-up done\n")


def test_the_config_is_nested_read_only_and_plain(tmp_path):
    config = Config({"lr": 0.1, "model": {"width": 64, "values": [1, 2]}})
    assert (config["lr"], config.lr, config["model"]["width"], config.model.width) == (0.1, 0.1, 64, 64)
    assert config.get("momentum", 0.9) == 0.9
    assert json.loads(json.dumps(config)) == {"lr": 0.1, "model": {"width": 64, "values": [1, 2]}}
    assert pickle.loads(pickle.dumps(config)) == config
    assert {**config}["lr"] == 0.1
    for change in (
        lambda: config.__setitem__("lr", 1),
        lambda: config.model.update(width=1),
        lambda: setattr(config, "lr", 1),
        lambda: config.model.pop("width"),
    ):
        with pytest.raises(TypeError, match=r"trial.config is read-only"):
            change()
    with pytest.raises(KeyError, match="no parameter 'lrr'; did you mean 'lr'"):
        config["lrr"]
    with pytest.raises(AttributeError, match="no parameter 'widht'; did you mean 'width'"):
        _ = config.model.widht
    assert "widht" not in sys.modules
