"""SIGUSR1, a batch system's warning, to a real sweep: to the driver alone, and to every process of it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import psutil
import pytest

import sweeps

TRAIN = """
import os, signal, subprocess, time
import torch


def train(trial):
    weight = torch.nn.Linear(1, 1)
    child = subprocess.Popen(["sleep", "60"])
    for epoch in trial.epochs(model=weight):
        time.sleep(0.05)
        assert child.poll() is None, "a process of the function's own was killed"
        trial.report(val_loss=trial.config["x"] + 1.0 / epoch)
    child.kill()


def hang(trial):
    trial.report(val_loss=1.0, epoch=1)
    time.sleep(60)


def listen(trial):
    signal.signal(signal.SIGUSR1, lambda number, frame: trial.log("USR1 was heard"))
    for epoch in trial.epochs():
        time.sleep(0.05)
        trial.report(val_loss=1.0 / epoch)
"""
SPEC = """
version: 1
name: toy
train: toy:train
epochs: 12
parameters: {x: {min: 0.0, max: 1.0}}
budget: {trials: 3}
pruner: none
workers: 2
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "toy.py").write_text(TRAIN)
    (tmp_path / "toy.yaml").write_text(SPEC)
    return tmp_path


def start(folder, *changes: str) -> subprocess.Popen:
    sets = [argument for change in changes for argument in ("--set", change)]
    driver = subprocess.Popen(
        [sys.executable, "-m", "sweeps", "run", "toy.yaml", *sets],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    metrics = folder / "results/toy/trials/0000/metrics.jsonl"
    deadline = time.monotonic() + 30
    while not (metrics.exists() and metrics.read_text()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert metrics.read_text()
    return driver


def trials(folder):
    return sweeps.load(folder / "results" / "toy").trials


@pytest.mark.parametrize("engine", ["inline", "local"])
def test_the_first_usr1_stops_in_good_order_and_the_same_command_goes_on(folder, engine):
    driver = start(folder, f"engine={engine}")
    driver.send_signal(signal.SIGUSR1)
    assert driver.wait(timeout=30) == 128 + signal.SIGUSR1
    errors = driver.stderr.read()
    assert "once more to stop at once" in errors and "to go on: sweep resume results/toy" in errors
    cut = trials(folder)
    assert set(cut["state"]) == {"INTERRUPTED"}
    assert start(folder, f"engine={engine}").wait(timeout=60) == 0
    table = sweeps.load(folder / "results" / "toy").attempts
    assert set(trials(folder)["state"]) == {"COMPLETE"} and len(trials(folder)) == 3
    assert set(table.groupby("number")["attempt"].max()[cut["number"]]) == {2}
    epochs = sweeps.load(folder / "results" / "toy").epochs
    again = epochs[epochs["attempt"] == 2].groupby("number")["epoch"].min()
    assert (again > 1).all(), "a trial did not go on from its checkpoint"


@pytest.mark.parametrize("function", ["train", "listen"])
def test_usr1_to_every_process_kills_none(folder, function):
    """As `scancel --signal=USR1 --full` sends it; a handler of the function's own hears it."""
    driver = start(folder, f"train=toy:{function}")
    family = psutil.Process(driver.pid).children(recursive=True)
    assert len(family) >= 5  # forkserver, supervisors, workers, and what the function started
    for process in [*family, psutil.Process(driver.pid)]:
        process.send_signal(signal.SIGUSR1)
    assert driver.wait(timeout=30) == 128 + signal.SIGUSR1
    assert set(trials(folder)["state"]) == {"INTERRUPTED"}
    assert trials(folder)["error"].isna().all()
    log = (folder / "results/toy/trials/0000/log.txt").read_text()
    assert ("USR1 was heard" in log) == (function == "listen")


def test_the_second_usr1_stops_at_once(folder):
    driver = start(folder, "train=toy:hang")
    driver.send_signal(signal.SIGUSR1)
    time.sleep(0.3)
    assert driver.poll() is None  # the trial does not report, so the first one waits
    begun = time.monotonic()
    driver.send_signal(signal.SIGUSR1)
    assert driver.wait(timeout=10) == 128 + signal.SIGUSR1
    assert time.monotonic() - begun < 3
    assert set(trials(folder)["state"]) == {"INTERRUPTED"}
