"""kill -9 of the driver at random moments: nothing is lost, nothing is counted twice, nothing survives."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import defaultdict
from itertools import pairwise

import psutil
import pytest

import sweeps
from sweeps.controller import TrialStarted

TRAIN = """
import os, time
import torch


def train(trial):
    weight = torch.nn.Linear(1, 1)
    for epoch in trial.epochs(model=weight):
        line = f"{trial.number} {trial.attempt} {epoch}\\n"
        with open(os.environ["EXECUTED"], "a") as file:
            file.write(line)
        time.sleep(0.03)
        trial.report(val_loss=trial.config["x"] + 1.0 / epoch)


def test(trial):
    with open(os.environ["EXECUTED"], "a") as file:
        file.write("test 0 0\\n")
    return {"accuracy": 1.0}
"""
SPEC = """
version: 1
name: toy
train: toy:train
test: toy:test
epochs: 6
parameters: {x: {min: 0.0, max: 1.0}}
budget: {trials: 24}
pruner: {name: asha, min_epochs: 2, startup_trials: 2}
workers: 2
"""
KILLS = 5


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "toy.py").write_text(TRAIN)
    (tmp_path / "toy.yaml").write_text(SPEC)
    return tmp_path


def start(folder, *arguments: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "sweeps", *arguments],
        cwd=folder,
        env=os.environ | {"EXECUTED": str(folder / "executed")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def executed(folder) -> list[tuple[str, int, int]]:
    """(trial, attempt, epoch) of every epoch that was really computed, in order."""
    path = folder / "executed"
    rows = path.read_text().split("\n")[:-1] if path.exists() else []
    return [(number, int(attempt), int(epoch)) for number, attempt, epoch in (row.split() for row in rows)]


def wait_for_epochs(folder, count: int) -> None:
    deadline = time.monotonic() + 30
    while len(executed(folder)) < count and time.monotonic() < deadline:
        time.sleep(0.005)
    assert len(executed(folder)) >= count


def descendants(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def finished(folder) -> dict[int, tuple]:
    trials = sweeps.load(folder / "results" / "toy").trials
    ended = trials[trials["state"].isin(["COMPLETE", "PRUNED", "FAILED"])]
    return {
        int(row.number): (row.state, row.metric, row.best_epoch, row.attempt) for row in ended.itertuples()
    }


@pytest.mark.faults
def test_a_driver_killed_at_random_moments(folder):
    rng = random.Random(1)
    before: dict[int, tuple] = {}
    for kill in range(KILLS):
        driver = start(folder, *(("run", "toy.yaml") if kill == 0 else ("resume", "toy")))
        wait_for_epochs(folder, len(executed(folder)) + rng.randint(1, 12))
        time.sleep(rng.uniform(0, 0.06))
        family = descendants(driver.pid)
        driver.send_signal(signal.SIGKILL)
        driver.wait()
        _, alive = psutil.wait_procs(family, timeout=5)
        assert not alive, "processes outlived the driver"
        after = finished(folder)
        assert before.items() <= after.items(), "a finished trial changed"
        before = after
    driver = start(folder, "resume", "toy")
    assert driver.wait(timeout=120) == 0, driver.stderr.read()

    done = finished(folder)
    assert before.items() <= done.items()
    assert sorted(done) == list(range(24)), "the budget was not met exactly"
    _each_attempt_goes_on_from_the_last_epoch(folder)
    assert [number for number, _, _ in executed(folder)].count("test") == 1
    events = (folder / "results/toy/events.jsonl").read_text().splitlines()
    ended = [json.loads(line)["number"] for line in events if '"TrialEnded"' in line]
    assert len(ended) == len(set(ended)), "a trial ended twice"


def _each_attempt_goes_on_from_the_last_epoch(folder) -> None:
    epochs: dict[str, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for number, attempt, epoch in executed(folder):
        if number != "test":
            epochs[number][attempt].append(epoch)
    assert any(len(attempts) > 1 for attempts in epochs.values()), "no trial was ever cut short"
    for attempts in epochs.values():
        order = sorted(attempts)
        for attempt in order:
            assert attempts[attempt] == list(range(attempts[attempt][0], attempts[attempt][-1] + 1))
        for earlier, later in pairwise(order):
            assert attempts[later][0] in (attempts[earlier][-1], attempts[earlier][-1] + 1)


def test_an_interrupted_single_worker_sweep_equals_an_uninterrupted_one(folder, tmp_path):
    """Same numbers, parameters, metrics and states, killed or not."""
    whole = start(
        folder, "run", "toy.yaml", "--set", "workers=1", "--set", "budget.trials=8", "--results", "whole"
    )
    assert whole.wait(timeout=60) == 0
    (folder / "executed").unlink()
    arguments = ("run", "toy.yaml", "--set", "workers=1", "--set", "budget.trials=8", "--results", "cut")
    for epochs in (3, 9):
        driver = start(folder, *arguments)
        wait_for_epochs(folder, len(executed(folder)) + epochs)
        driver.send_signal(signal.SIGKILL)
        driver.wait()
    assert start(folder, *arguments).wait(timeout=60) == 0
    columns = ["number", "state", "stop_reason", "metric", "best_epoch", "epochs", "params.x"]
    one = sweeps.load(folder / "whole" / "toy").trials[columns]
    two = sweeps.load(folder / "cut" / "toy").trials[columns]
    assert one.equals(two)


def test_a_second_driver_is_refused(folder):
    first = start(folder, "run", "toy.yaml", "--set", "budget.trials=1000")  # it must outlive the second
    wait_for_epochs(folder, 1)
    second = start(folder, "resume", "toy")
    assert second.wait(timeout=30) == 5
    message = second.stderr.read()
    assert f"process {first.pid} on " in message and "Traceback" not in message
    first.send_signal(signal.SIGTERM)
    assert first.wait(timeout=30) == 143
    assert "sweep resume results/toy" in first.stderr.read()


def test_an_attempt_that_a_power_cut_took_from_the_study_is_not_begun_again(toy, monkeypatch):
    """Its line in events.jsonl may be on the disk before the journal's."""

    def cut(event):
        if isinstance(event, TrialStarted) and event.attempt == 2:
            raise RuntimeError("the power goes")

    monkeypatch.setenv("STOP", "1.2")
    with pytest.raises(KeyboardInterrupt):
        toy.run()
    monkeypatch.delenv("STOP")
    journal = toy.folder / "study.journal"
    synced = journal.read_bytes()
    with pytest.raises(RuntimeError, match="the power goes"):
        sweeps.resume(toy.folder, observers=[cut])
    assert journal.read_bytes().startswith(synced)
    journal.write_bytes(synced)
    trials = sweeps.resume(toy.folder).trials
    assert trials["state"].tolist() == ["COMPLETE"] * 4 and trials["attempt"].tolist() == [1, 3, 1, 1]
    sweeps.check_invariants(toy.folder)
