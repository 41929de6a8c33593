"""Simulated sweeps from the YAML on: what is checked first, the folder, kill, Ctrl-C, `sweep simulate`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

import sweeps
from sweeps import runner
from sweeps.controller import EpochReported, SweepEnded, TrialStarted
from sweeps.errors import RefusedError, TargetError, UsageError
from tests.cli.commands import sweep

CURVES = """
import math, random, time
import pandas as pd
import sweeps
from sweeps.seeding import trial_seed


def factory():
    print("the factory speaks")

    def curve(config, seed, epochs):
        every = range(1, epochs + 1)
        loss = [config.x + math.exp(-config.x * epoch) for epoch in every]
        return sweeps.Curve({"val_loss": loss, "epoch_again": every}, [60.0 + 10 * config.x] * epochs)

    return curve


def noisy():

    def curve(config, seed, epochs):
        end = 0.1 + (config.x - 0.7) ** 2 + (config.y - 0.2) ** 2
        loss = [end + (1 - config.y) * math.exp(-epoch / (8 * config.z)) for epoch in range(1, epochs + 1)]
        noise = random.Random(seed).uniform
        return sweeps.Curve({"val_loss": [each * noise(0.95, 1.05) for each in loss]}, [60.0] * epochs)

    return curve


def endless_in_trial_one():
    def curve(config, seed, epochs):
        if seed == trial_seed(0, 1):
            time.sleep(60)
        return factory()(config, seed, epochs)

    return curve


def raising(): raise ZeroDivisionError("no table")
def nothing(): return None
def raising_curve(): return lambda config, seed, epochs: 1 / 0
def no_curve(): return lambda config, seed, epochs: [1.0] * epochs
def short(): return lambda config, seed, epochs: sweeps.Curve({"val_loss": [1.0]}, [1.0] * epochs)
def other(): return lambda config, seed, epochs: sweeps.Curve({"loss": [1.0] * epochs}, [1.0] * epochs)
def texts(): return lambda config, seed, epochs: sweeps.Curve({"val_loss": ["low"] * epochs}, [1.0] * epochs)
def scalar(): return lambda config, seed, epochs: sweeps.Curve({"val_loss": 1.0}, [1.0] * epochs)
def no_seconds(): return lambda config, seed, epochs: sweeps.Curve({"val_loss": [1.0] * epochs}, None)
def by_epoch():
    return lambda config, seed, epochs: sweeps.Curve({"val_loss": {1: 1.0, 2: 0.5}}, [1.0] * epochs)


def by_index():
    return lambda config, seed, epochs: sweeps.Curve(
        {"val_loss": pd.Series([1.0 / epoch for epoch in range(1, epochs + 1)], index=range(1, epochs + 1))},
        [1.0] * epochs,
    )


def beyond():
    return lambda config, seed, epochs: sweeps.Curve({"val_loss": [1.0] * 11 + [9**999]}, [1.0] * epochs)


def listed(): return lambda config, seed, epochs: sweeps.Curve([1.0] * epochs, [1.0] * epochs)
def at_once(): return lambda config, seed, epochs: sweeps.Curve({"val_loss": [1.0] * epochs}, [0.0] * epochs)
"""
SPEC = """
version: 1
name: toy
train: not_written_yet:train
test: not_written_yet:test
curves: my_curves:factory
epochs: 12
parameters:
  x: {min: 0.1, max: 1.0}
engine: simulated
pruner: {name: asha, min_epochs: 2}
budget: {trials: 20}
"""
KILLED = """
import os, signal, sys
import sweeps
from sweeps.controller import EpochReported

def kill(event):
    if isinstance(event, EpochReported) and (event.number, event.epoch) == (0, 5):
        os.kill(os.getpid(), signal.SIGKILL)

sweeps.run("toy.yaml", results="killed", set={"workers": int(sys.argv[1])}, observers=[kill])
"""


@dataclass(frozen=True)
class Folder:
    path: Path

    def run(self, results="results", observers=(), **keys) -> sweeps.Results:
        overrides = {key.replace("__", "."): value for key, value in keys.items()}
        return sweeps.run(self.path / "toy.yaml", overrides, results=self.path / results, observers=observers)

    def sweep(self, *arguments: str) -> subprocess.CompletedProcess:
        return sweep(arguments, self.path, {})


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "my_curves.py").write_text(CURVES)
    (tmp_path / "toy.yaml").write_text(SPEC)
    monkeypatch.chdir(tmp_path)
    return Folder(tmp_path)


def clock_of(path: Path) -> float:
    """What the simulation's clock showed at last."""
    events = [json.loads(line) for line in (path / "events.jsonl").read_text().splitlines()]
    return [event["time"] for event in events if event["event"] == "SweepEnded"][-1]


def told(results: sweeps.Results):
    columns = ["number", "params.x", "state", "stop_reason", "metric", "best_epoch", "epochs"]
    return results.trials[columns].values.tolist()


def test_a_curve_may_be_a_series(folder):
    assert folder.run(curves="my_curves:by_index", budget__trials=3).best.value == pytest.approx(1 / 12)


# --- what is checked before a folder is made


@pytest.mark.parametrize(
    ("curves", "error", "message"),
    [
        ("nowhere:factory", TargetError, "no module 'nowhere'"),
        ("my_curves:factori", TargetError, "has no function 'factori'; did you mean 'factory'"),
        (
            "my_curves:raising",
            TargetError,
            "my_curves:raising is called without arguments .* raised ZeroDivisionError: no table",
        ),
        (
            "my_curves:nothing",
            UsageError,
            r"must return a function curve\(.*\), found None",
        ),
        ("my_curves:raising_curve", TargetError, r"raised ZeroDivisionError: .* \(for x: 0\."),
        ("my_curves:no_curve", UsageError, r"a curve must be sweeps.Curve\(metrics, seconds\), found \[1.0"),
        ("my_curves:short", UsageError, "all of the 12 epochs, found val_loss: 1, seconds: 12"),
        ("my_curves:other", UsageError, "must hold val_loss .*, found loss: 12, seconds: 12"),
        ("my_curves:texts", UsageError, "one number for each epoch: metric 'val_loss' must be one number"),
        ("my_curves:scalar", UsageError, r"metrics\['val_loss'\] must be a list of one number .*, found 1.0"),
        (
            "my_curves:no_seconds",
            UsageError,
            "seconds must be a list of one number for each epoch, found None",
        ),
        (
            "my_curves:by_epoch",
            UsageError,
            r"metrics\['val_loss'\] must be a list of one number .*, found {1: ",
        ),
        ("my_curves:beyond", UsageError, "must hold one number for each epoch: int too large"),
        ("my_curves:listed", UsageError, "metrics must be a mapping of names to numbers, .* found .1.0"),
        ("my_curves:at_once", UsageError, "an epoch must take more than 0 s and less than 1e.09 s, found 0"),
    ],
)
def test_curves_are_tried_before_anything_is_made(folder, curves, error, message):
    with pytest.raises(error, match=message):
        folder.run(curves=curves)
    assert not (folder.path / "results").exists()


def test_gpu_hours_need_gpus(folder):
    with pytest.raises(UsageError, match="counts the GPUs of trials, and these have none"):
        folder.run(budget__gpu_hours=1)
    results = folder.run(budget__gpu_hours=1, resources__gpus=1)
    assert results.trials["seconds"].sum() == pytest.approx(3600, abs=70)


# --- the folder


def test_a_simulated_sweep_has_a_winner_and_tests_nothing(folder, capsys):
    events = []
    results = folder.run(observers=[events.append])
    assert len(results.trials) == 20 and {"COMPLETE", "PRUNED"} == set(results.trials["state"])
    best = folder.path / "results/toy/best"
    assert {path.name for path in best.iterdir()} == {"selection.json", "config.json", "metrics.json"}
    assert json.loads((best / "metrics.json").read_text())["note"] == "a simulated sweep trains none"
    assert results.best.test is None
    rows = results.epochs.query("number == 0")
    assert rows["epoch_again"].tolist() == list(range(1, 13))
    assert rows["time"].astype("int64").diff().nunique() <= 2
    sweeps.check_invariants(folder.path / "results/toy")
    assert "the factory speaks" not in capsys.readouterr().out
    before = sorted(path.stat().st_mtime_ns for path in best.iterdir())
    folder.run()
    assert before == sorted(path.stat().st_mtime_ns for path in best.iterdir()), "there is nothing left to do"
    with pytest.raises(UsageError, match="a simulated sweep trains no model, so there is nothing to test"):
        runner.test(folder.path / "results/toy")
    results.export(folder.path / "release")
    assert (folder.path / "release/config.json").exists()


def test_simulated_and_real_trials_do_not_mix(folder):
    folder.run(budget__trials=3)
    for change in ("local", "inline"):
        with pytest.raises(RefusedError, match="simulated trials and real ones must not mix"):
            sweeps.resume("results/toy", {"engine": change})
    real = SPEC.replace("not_written_yet", "toy_code").replace("simulated", "inline")
    (folder.path / "toy_code.py").write_text(
        "def train(trial):\n"
        "    for epoch in trial.epochs():\n"
        "        trial.report(val_loss=1 / epoch)\n"
        "def test(trial): return {'x': 1.0}\n"
    )
    (folder.path / "real.yaml").write_text(real)
    with pytest.raises(RefusedError, match="trials that were trained would not compare with simulated ones"):
        runner.resume("results/toy", ["engine=inline"], edit=folder.path / "real.yaml")
    sweeps.run("real.yaml", {"budget.trials": 2}, results="real")
    with pytest.raises(RefusedError, match=r"real/toy: simulated .*\n +engine: .inline. -> .simulated.\n"):
        runner.run("real.yaml", ["budget.trials=2", "engine=simulated"], results="real")
    assert len(sweeps.resume("real/toy", {"engine": "inline", "budget.trials": 3}).trials) == 3


def test_changed_curves_are_changed_code(folder):
    folder.run(budget__trials=3)
    (folder.path / "my_curves.py").write_text(CURVES.replace("-config.x * epoch", "-config.x"))
    with pytest.raises(RefusedError, match=r"my_curves:factory must stay as it is.*`sweep simulate`"):
        sweeps.resume("results/toy", {"budget.trials": 5})
    with pytest.raises(RefusedError, match="another name, or `sweep simulate` with --fresh"):
        sweeps.resume("results/toy", {"epochs": 9})


# --- interruptions


@pytest.mark.parametrize("workers", [1, 3])
def test_a_killed_simulation_goes_on_to_the_same_end(folder, workers):
    whole = folder.run(workers=workers)
    done = subprocess.run([sys.executable, "-c", KILLED, str(workers)], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    killed = sweeps.resume("killed/toy")
    sweeps.check_invariants("killed/toy")
    assert len(killed.epochs) == killed.trials["epochs"].sum()
    if workers == 1:
        assert told(killed) == told(whole)
        assert clock_of(folder.path / "killed/toy") == clock_of(folder.path / "results/toy")
        times = [results.epochs["time"].tolist() for results in (killed, whole)]
        assert times[0] == times[1]


def test_an_interrupted_simulation_goes_on_to_the_same_end(folder):
    whole = folder.run()

    def interrupt(event):
        if isinstance(event, EpochReported) and (event.number, event.epoch) == (0, 5):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        folder.run(results="cut", observers=[interrupt])
    assert sweeps.load("cut/toy").trials["state"].tolist() == ["INTERRUPTED"]
    assert told(sweeps.resume("cut/toy")) == told(whole)
    assert clock_of(folder.path / "cut/toy") == clock_of(folder.path / "results/toy")


@pytest.mark.parametrize(("trial", "epoch", "seed"), [(3, 4, 9), (5, 1, 1), (12, 1, 1), (12, 3, 1)])
def test_a_model_goes_on_as_it_would_have(folder, trial, epoch, seed):
    """What it had learned until the trial was proposed, and no later epoch, decides how the trial ends."""
    space = {name: {"min": 0.1, "max": 1.0} for name in "xyz"}
    auto = {"sampler": "auto", "pruner": "auto", "curves": "my_curves:noisy", "parameters": space}
    auto |= {"epochs": 27, "budget.trials": 24, "seed": seed}
    whole = folder.run(**auto)

    def interrupt(event):
        if isinstance(event, EpochReported) and (event.number, event.epoch) == (trial, epoch):
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        folder.run(results="cut", observers=[interrupt], **auto)
    assert told(sweeps.resume("cut/toy")) == told(whole)


def test_the_wall_budget_is_a_total_over_all_runs(folder):
    short = folder.run(budget__wall="1h")
    assert short.trials["seconds"].sum() == pytest.approx(3600, abs=70)
    longer = sweeps.resume("results/toy", {"budget.wall": "2h", "budget.trials": 99})
    assert longer.trials["seconds"].sum() == pytest.approx(7200, abs=140)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_many_workers_leave_a_few_epochs_to_those_that_can_complete(folder, seed):
    """Of 12 epochs each; were all workers to begin at once, every trial would be cut short."""
    keys = {
        "parameters": {name: {"min": 0.1, "max": 1.0} for name in "xyz"},
        "sampler": "auto",
        "pruner": "auto",
    }
    done = folder.run(curves="my_curves:noisy", workers=16, budget={"epochs": 100}, seed=seed, **keys)
    assert done.best is not None and done.trials["epochs"].sum() == 100


def test_ctrl_c_ends_a_thousand_workers_within_a_second(folder):
    pressed = []

    def interrupt(event):
        if isinstance(event, EpochReported) and event.number == 999:
            pressed.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGINT)
        elif isinstance(event, SweepEnded):
            pressed.append(time.monotonic())

    with pytest.raises(KeyboardInterrupt):
        folder.run(observers=[interrupt], workers=1000, budget__trials=3000, pruner="none", canary=False)
    assert pressed[1] - pressed[0] < 1.0
    assert (sweeps.load("results/toy").trials["state"] == "INTERRUPTED").sum() == 1000


def test_ctrl_c_twice_ends_a_curve_that_takes_for_ever(folder):
    def interrupt(event):
        if isinstance(event, TrialStarted) and event.number == 1:
            subprocess.Popen(["sh", "-c", f"sleep 0.1; kill -INT {pid}; sleep 0.1; kill -INT {pid}"])

    pid, begun = os.getpid(), time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        folder.run(observers=[interrupt], curves="my_curves:endless_in_trial_one")
    assert time.monotonic() - begun < 5.0
    assert sweeps.load("results/toy").trials["state"].tolist()[1:] == ["INTERRUPTED"]


# --- the command


def test_an_edited_simulation_stays_one_whatever_engine_the_file_names(folder):
    named = SPEC.replace("engine: simulated\n", "engine: ray\nworkers: 2\n")
    (folder.path / "toy.yaml").write_text(named)
    assert folder.sweep("simulate", "toy.yaml").returncode == 0
    for engine, most in (("engine: ray\n", 0.9), ("", 0.8)):
        edited = named.replace("engine: ray\n", engine).replace("max: 1.0", f"max: {most}")
        (folder.path / "edited.yaml").write_text(edited)
        done = folder.sweep("resume", "results/toy", "--edit", "edited.yaml", "--set", "budget.trials=25")
        assert done.returncode == 0, done.stderr
        assert f"-> {most}\n" in done.stderr and "of the simulated engine" in done.stderr
        assert "engine:" not in done.stderr
    refused = folder.sweep("resume", "results/toy", "--edit", "edited.yaml", "--set", "engine=local")
    assert refused.returncode == 5 and 'engine: "simulated" -> "local"' in refused.stderr


def test_sweep_simulate_runs_what_is_meant_for_another_engine(folder):
    spec = SPEC.replace("engine: simulated", "engine: ray\nstorage_path: s3://bucket/sweeps\nworkers: 4")
    (folder.path / "toy.yaml").write_text(f"{spec}resources: {{memory: 8GB}}\n")
    done = folder.sweep("simulate", "toy.yaml", "--set", "simulation.node_life=20m", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert (document["command"], document["reason"]) == ("simulate", "budget.trials")
    assert sum(document["states"].values()) == 20
    assert "00:00:00 sweep started: 4 worker(s) of the simulated engine" in done.stderr
    assert "sweep: simulated 0" in done.stderr
    assert "winner" not in done.stdout and document["best"]["test"] is None
    assert folder.sweep("verify", "toy").returncode == 0
    assert len(sweeps.resume("results/toy", {"budget.trials": 25}).trials) == 25


def test_sweep_simulate_needs_curves(folder):
    (folder.path / "toy.yaml").write_text(SPEC.replace("curves: my_curves:factory\n", ""))
    done = folder.sweep("simulate", "toy.yaml")
    assert done.returncode == 2
    assert "curves  is missing: engine: simulated needs learning curves" in done.stderr
    assert not (folder.path / "results").exists()


def test_sweep_check_looks_for_the_curves_and_runs_none(folder):
    done = folder.sweep("check", "toy.yaml", "--import")
    assert done.returncode == 0, done.stderr
    missing = folder.sweep("check", "toy.yaml", "--set", "curves=my_curves:nope")
    assert missing.returncode == 2 and "has no function 'nope'" in missing.stderr
