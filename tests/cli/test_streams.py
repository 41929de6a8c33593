"""Standard streams that nobody reads, that have no room, or that are closed: what a command still does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

import sweeps

SLOW = """
import time
import torch


def train(trial):
    for epoch in trial.epochs(model=torch.nn.Linear(1, 1)):
        time.sleep(0.2)
        trial.report(val_loss=1.0 / epoch)
"""
SLOW_SPEC = """\
version: 1
name: slow
train: slow:train
epochs: 50
parameters:
  x: {min: 0.0, max: 1.0}
budget: {trials: 5}
workers: 1
"""


def shell(folder, line):
    """``line`` is of the shell; `sweep` is the command."""
    command = f'sweep() {{ "{sys.executable}" -m sweeps "$@"; }}; {line}'
    return subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("nowhere", ["2>/dev/full", "2>&-", "2> >(exec true)"])
def test_a_sweep_trains_on_where_its_progress_cannot_be_told(toy, nowhere):
    done = shell(toy.path, f"sweep run toy.yaml {nowhere}")
    assert done.returncode == 0 and "winner: trial" in done.stdout
    assert list(sweeps.load(toy.path / "results/toy").trials["state"]) == ["COMPLETE"] * 5


def test_a_sweep_stops_in_good_order_when_its_reader_is_gone(toy):
    """As in `sweep run slow.yaml 2>&1 | tee log`, stopped by a key: tee ends first."""
    toy.write("slow.py", SLOW)
    toy.write("slow.yaml", SLOW_SPEC)
    command = [sys.executable, "-m", "sweeps", "run", "slow.yaml"]
    reader, writer = os.pipe()
    process = subprocess.Popen(command, cwd=toy.path, stdout=writer, stderr=writer)
    os.close(writer)
    with open(reader, "rb") as told:
        while b"trial 0 started" not in told.readline():
            assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 143
    trials = sweeps.load(toy.path / "results/slow").trials
    assert list(trials["state"]) == ["INTERRUPTED"] and trials["epochs"][0] >= 1


@pytest.mark.parametrize("arguments", ["run toy.yaml --json", "--help"])
def test_data_that_finds_no_room_is_an_error(finished, arguments):
    done = shell(finished.path, f"sweep {arguments} >/dev/full")
    assert done.returncode == 6
    assert "/dev/stdout: cannot be written: No space left on device" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_closed_standard_output_is_no_error(finished):
    done = shell(finished.path, "sweep show toy >&-")
    assert (done.returncode, done.stderr) == (0, "")
