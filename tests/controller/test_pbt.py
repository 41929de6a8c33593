"""Population-based training on whole sweeps: what it finds, what it depends on, what it survives."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import sweeps
from sweeps.controller import Exploited
from sweeps.engines import create_engine
from sweeps.paths import RunPaths
from sweeps.study import read_records
from sweeps.trial.handover import link_checkpoint
from tests.engines.harness import Sweep

# The expected loss of SGD on a noisy quadratic: a fixed rate either ends too high or falls too slowly.
TOY = """
import os, time
import torch

class Loss:
    value = 1.0

    def state_dict(self):
        return {"value": self.value}

    def load_state_dict(self, state):
        self.value = state["value"]

def step(value, lr):
    for _ in range(4):
        value = (1 - lr) ** 2 * value + 4 * lr**2
    return value

def train(trial):
    loss = Loss()
    for epoch in trial.epochs(loss=loss):
        time.sleep(float(os.environ.get("PAUSE", 0)))
        if os.environ.get("FAILS") == f"{trial.number} {epoch} {trial.attempt}":
            raise ValueError("as told")
        loss.value = step(loss.value, trial.config["lr"])
        trial.report(val_loss=loss.value)

def train_without_state(trial):
    for epoch in trial.epochs():
        trial.report(val_loss=1 / epoch)

def train_free(trial):
    for epoch in range(1, trial.max_epochs + 1):
        trial.report(val_loss=1 / epoch, epoch=epoch)

def train_and_leave(trial):
    for epoch in trial.epochs(loss=Loss()):
        trial.report(val_loss=1 / epoch)
        if trial.should_stop:
            break

def train_nets(trial):
    '''Trial 0 is the best until epoch 2 and the worst from then on.'''
    model = torch.nn.Linear(1, trial.config["width"])
    for epoch in trial.epochs(model=model):
        trial.report(val_loss=trial.number + (0 if trial.number else (0, 0, 9)[min(epoch, 3) - 1]))

def test_nets(trial):
    trial.restore_best(model=torch.nn.Linear(1, trial.config["width"]))
    return {"width": trial.config["width"]}
"""
SPEC = """
version: 1
name: toy
train: toy:train
epochs: 12
parameters: {lr: {min: 1e-3, max: 1.0, log: true}}
pruner: {name: pbt, interval: 3}
budget: {trials: 8}
engine: inline
"""
COLUMNS = ["number", "state", "stop_reason", "metric", "best_epoch", "epochs", "params.lr"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "toy.py").write_text(TOY)
    (tmp_path / "toy.yaml").write_text(SPEC)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(folder: Path, results: str = "results", **keys) -> sweeps.Results:
    overrides = {key.replace("__", "."): value for key, value in keys.items()}
    return sweeps.run(folder / "toy.yaml", set=overrides, results=results)


def told(results: sweeps.Results) -> tuple:
    """All that may depend on nothing but the seed."""
    epochs = results.epochs[["number", "epoch", "val_loss"]]
    tables = (results.trials[COLUMNS], epochs, results.lineage)
    best = results.best
    return (*(table.to_dict("records") for table in tables), best.number, best.schedule)


def by_hand(rates: list[float]) -> float:
    """What the toy comes to with these rates, one an epoch."""
    scope: dict = {}
    exec(TOY, scope)
    loss = 1.0
    for rate in rates:
        loss = scope["step"](loss, rate)
    return loss


def test_a_schedule_beats_the_best_fixed_value(folder):
    best = run(folder, epochs=30).best
    fixed = min(by_hand([10 ** (-3 + index / 100)] * 30) for index in range(301))
    assert best.value < 0.8 * fixed  # of 301 values, with 8 trials
    rates = [segment.params["lr"] for segment in best.schedule]
    assert rates[0] > 3 * rates[-1]  # the best schedule falls


def test_the_tables_depend_on_the_seed_alone(folder):
    inline = run(folder, "inline")
    for name, workers in (("one", 1), ("two", 2)):
        local = run(folder, name, engine="local", workers=workers)
        assert told(local) == told(inline)
        assert list(local.trials["attempt"]) == [4] * 8
    assert told(run(folder, "other", seed=1)) != told(inline)


def start(folder: Path, *arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "sweeps", *arguments],
        cwd=folder,
        env=os.environ | {"PAUSE": "0.01"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(path: Path, word: str, count: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if path.exists() and path.read_text().count(word) >= count:
            return
        time.sleep(0.002)
    raise AssertionError(f"{path} never had {count} of {word}")


def test_a_driver_that_is_killed_and_stopped_loses_nothing(folder):
    whole = run(folder, "whole")
    arguments = ("run", "toy.yaml", "--set", "engine=local", "--set", "workers=2", "--results", "cut")
    events = folder / "cut" / "toy" / "events.jsonl"
    for word, count, how in (("Exploited", 1, signal.SIGKILL), ("TrialStarted", 20, signal.SIGINT)):
        driver = start(folder, *arguments)
        wait_for(events, word, count)
        driver.send_signal(how)
        assert driver.wait(timeout=30) == (130 if how == signal.SIGINT else -how)
    driver = start(folder, *arguments)
    assert driver.wait(timeout=60) == 0, driver.stderr.read()
    cut = sweeps.load(folder / "cut" / "toy")
    assert told(cut) == told(whole)
    assert max(cut.trials["attempt"]) > 4  # something was cut short
    schedules = [(folder / name / "toy/best/schedule.json").read_text() for name in ("cut", "whole")]
    assert schedules[0] == schedules[1]


class Death(Exception):
    """The driver ends here: nothing is written any more."""


def test_a_driver_that_dies_anywhere_in_a_decision(tmp_path):
    keys = {"epochs": 6, "budget": {"trials": 4}, "pruner": {"name": "pbt", "interval": 2, "quantile": 0.5}}
    whole = Sweep(tmp_path / "whole", "population_trains", **keys)
    expected = [(r.params, r.values, r.inherited) for r in whole.run(create_engine("inline", whole.settings))]
    sweep = Sweep(tmp_path / "cut", "population_trains", **keys)
    lives = [0, 1]

    def dies(parent, child):
        if not lives[0]:
            raise Death
        lives[0] -= 1
        link_checkpoint(parent, child)

    while lives:  # before the first, then before the second child has its checkpoint
        with pytest.raises(Death):
            sweep.run(create_engine("inline", sweep.settings), hand_over=dies)
        lives.pop(0)
        assert not any(record.inherited for record in sweep.records())

    def watch(controller, event):
        if isinstance(event, Exploited):  # the decision is in the study, and nothing has come of it
            raise Death

    for generation in (1, 2):
        with pytest.raises(Death):
            sweep.run(create_engine("inline", sweep.settings), watch)
        assert sum(len(record.inherited) for record in sweep.records()) == 2 * generation
    records = sweep.run(create_engine("inline", sweep.settings))
    assert [(r.params, r.values, r.inherited) for r in records] == expected


def test_the_lineage_says_who_took_what_from_whom(folder):
    results = run(folder)
    lineage = results.lineage
    assert list(lineage.columns) == ["number", "epoch", "parent", "changed"]
    assert list(lineage["epoch"]) == [3, 3, 6, 6, 9, 9]  # a quarter of eight
    losses = results.epochs.set_index(["number", "epoch"])["val_loss"]
    for row in lineage.itertuples():
        then = losses.xs(row.epoch, level="epoch")
        assert then[row.parent] <= then.nsmallest(2).max() and then[row.number] >= then.nlargest(2).min()
    last = lineage.groupby("number").last()["changed"]
    for number, changed in last.items():
        assert changed["lr"][1] == results.trials["params.lr"][number]


def test_the_schedule_leads_to_the_winner_and_is_exported(folder):
    results = run(folder)
    best = results.best
    schedule = json.loads((folder / "results/toy/best/schedule.json").read_text())["segments"]
    assert [(part["from"], part["to"], part["trial"], part["params"]) for part in schedule] == [
        (part.first, part.last, part.trial, dict(part.params)) for part in best.schedule
    ]
    assert (schedule[0]["from"], schedule[-1]["to"]) == (1, best.epoch)
    assert all(one["to"] + 1 == next["from"] for one, next in itertools.pairwise(schedule))
    rates = [part["params"]["lr"] for part in schedule for _ in range(part["from"], part["to"] + 1)]
    assert by_hand(rates) == best.value  # the very same
    results.export(folder / "release")
    assert json.loads((folder / "release" / "schedule.json").read_text())["segments"] == schedule
    command = [sys.executable, "-m", "sweeps", "show", "toy"]
    assert "schedule: lr " in subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_trial_that_fails_leaves_its_population(folder, monkeypatch):
    monkeypatch.setenv("FAILS", "2 5 2")
    results = run(folder)
    states = results.trials.set_index("number")["state"]
    assert states[2] == "FAILED" and list(states.drop(2)) == ["COMPLETE"] * 7
    late = results.lineage[results.lineage["epoch"] > 5]
    assert len(late) == 4 and 2 not in {*late["number"], *late["parent"]}


def test_a_trial_that_is_retried_stays_in_it(folder, monkeypatch):
    alike = run(folder, "alike")
    monkeypatch.setenv("FAILS", "2 5 2")
    retried = run(folder, "retried", retries__error=1)
    assert list(retried.trials["attempt"]) == [4, 4, 5, 4, 4, 4, 4, 4]
    assert told(retried) == told(alike)


def test_a_trial_that_stops_early_has_left_it(folder):
    results = run(folder, early_stopping__patience=1, early_stopping__min_delta=0.035, pruner__interval=6)
    assert set(results.trials["state"]) == {"COMPLETE"}
    stopped = set(results.trials["number"][results.trials["epochs"] < 6])
    assert stopped and len(results.lineage)
    assert not stopped & {*results.lineage["parent"], *results.lineage["number"]}


def test_all_go_on_when_they_are_given_more_time(folder, monkeypatch):
    whole = run(folder, "whole")
    monkeypatch.setenv("PAUSE", "0.02")
    cut = run(folder, "cut", budget__wall=0.8)
    assert set(cut.trials["state"]) == {"INTERRUPTED"} and len(cut.epochs) > 3
    monkeypatch.delenv("PAUSE")
    assert told(sweeps.resume(folder / "cut" / "toy", set={"budget.wall": 60})) == told(whole)


@pytest.mark.parametrize("function", ["train_without_state", "train_free", "train_and_leave"])
def test_a_function_that_cannot_go_on_says_so_at_once(folder, function):
    (folder / "toy.yaml").write_text(SPEC.replace("toy:train", f"toy:{function}"))
    results = run(folder, budget__trials=2)
    assert list(results.trials["state"]) == ["FAILED"] * 2
    error = results.trials["error"][0]
    if function == "train_and_leave":
        assert "the loop over trial.epochs() must end by itself after epoch 3" in error
    else:
        assert "pauses after epoch 3" in error and "trial.epochs(model=model" in error


NETS = """
version: 1
name: toy
train: toy:train_nets
test: toy:test_nets
epochs: 6
fixed: {a: 1}
parameters: {lr: {min: 0.1, max: 1.0}, width: {values: [1, 2, 3]}}
enqueue: [{lr: 0.5, width: 1}, {lr: 0.5, width: 2}, {lr: 0.5, width: 3}, {lr: 0.9, width: 3}]
pruner: {name: pbt, interval: 3}
budget: {trials: 4}
engine: inline
"""


def test_the_winner_has_the_configuration_of_its_best_epoch(folder):
    """Trial 0 is best at its first epoch, and then takes over another one's weights and width."""
    (folder / "toy.yaml").write_text(NETS)
    results = run(folder)
    (row,) = results.lineage.itertuples()
    assert (row.number, row.epoch, row.parent, row.changed["width"]) == (0, 3, 1, (1, 2))
    assert results.trials["params.width"][0] == 2  # its last one
    best = results.best
    assert (best.number, best.value, best.epoch, best.params) == (0, 0.0, 1, {"lr": 0.5, "width": 1})
    config = json.loads((folder / "results/toy/best/config.json").read_text())
    assert config == {"a": 1, "lr": 0.5, "width": 1}
    assert best.test == {"width": 1}
    assert [(part.first, part.last, part.trial) for part in best.schedule] == [(1, 1, 0)]
    assert set(results.trials["state"]) == {"COMPLETE"}


def test_weights_that_do_not_fit_say_what_may_be_explored(folder):
    spec = NETS.replace("width: {values: [1, 2, 3]}", "width: {min: 1, max: 3}")
    (folder / "toy.yaml").write_text(spec.replace("interval: 3", "interval: 3, explore: [width]"))
    error = run(folder).trials["error"][0]
    assert "does not fit the 'model'" in error and "may explore only what leaves every shape" in error


def test_a_finite_space_gives_the_population_there_is(folder):
    text = SPEC.replace("{min: 1e-3, max: 1.0, log: true}", "{min: 0.1, max: 0.5, step: 0.1}")
    (folder / "toy.yaml").write_text(text.replace("engine:", "sampler: grid\nengine:"))
    results = run(folder, epochs=9)
    assert len(results.trials) == 5 and set(results.trials["state"]) == {"COMPLETE"}
    assert len(results.lineage) == 4
    assert set(results.trials["params.lr"]) <= {0.1, 0.2, 0.3, 0.4, 0.5}
    again = sweeps.resume(folder / "results" / "toy")
    assert again.trials[COLUMNS].equals(results.trials[COLUMNS])


def test_later_trials_are_a_population_of_their_own(folder):
    few = run(folder, budget__trials=4).trials
    more = sweeps.resume(folder / "results" / "toy", set={"budget.trials": 8})
    assert more.trials[COLUMNS][:4].equals(few[COLUMNS])
    late = more.lineage[more.lineage["number"] >= 4]
    assert len(late) == 3 and set(late["parent"]) <= {4, 5, 6, 7}


def test_a_database_keeps_generations_too(folder):
    url = f"sqlite:///{folder}/study.db"
    assert told(run(folder, "database", storage=url)) == told(run(folder, "journal"))
    records = read_records(RunPaths(folder / "database" / "toy"), "toy", "minimize", url)
    assert [record.passed for record in records] == [9] * 8
