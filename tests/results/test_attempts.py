"""`Results.attempts`: the time line of a sweep, also of one that was retried, killed and resumed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime

import pandas as pd
import pytest

import sweeps

COLUMNS = ["number", "attempt", "worker", "started", "ended", "seconds", "state", "stop_reason", "error"]
MODULE = """
import os, time

def train(trial):
    for epoch in trial.epochs():
        if trial.number == 1 and trial.attempt == 1 and epoch == 2:
            os._exit(3)
        if trial.number == 2:
            raise ValueError("two is too many")
        time.sleep(0.05)
        trial.report(val_loss=trial.config["x"] + 1.0 / epoch)
"""
SPEC = """
version: 1
name: toy
train: toy:train
epochs: 4
parameters: {x: {min: 0.0, max: 1.0}}
budget: {trials: 5}
pruner: none
workers: 2
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "toy.py").write_text(MODULE)
    (tmp_path / "toy.yaml").write_text(SPEC)
    return tmp_path


def start(folder, *arguments):
    output = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-m", "sweeps", *arguments], cwd=folder, **output)


def attempts(folder) -> pd.DataFrame:
    return sweeps.load(folder / "results" / "toy").attempts


def wait_until(condition) -> None:
    deadline = time.monotonic() + 30
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert condition()


def test_a_sweep_killed_and_resumed_shows_every_attempt(folder):
    epochs = folder / "results/toy/trials/0003/metrics.jsonl"
    begun = datetime.now(UTC)
    driver = start(folder, "run", "toy.yaml")
    wait_until(lambda: epochs.exists() and epochs.read_text())  # trial 3 runs, 0 to 2 have ended or will soon
    table = attempts(folder)
    running = table[table["number"] == 3].iloc[0]
    assert running["state"] == "RUNNING" and pd.isna(running["ended"]) and pd.isna(running["seconds"])
    driver.send_signal(signal.SIGKILL)
    driver.communicate()
    events = folder / "results/toy/events.jsonl"
    events.write_bytes(events.read_bytes() + b'{"time":1,"event":"TrialSta')
    killed = attempts(folder)
    cut = killed[killed["number"] == 3].iloc[0]
    assert cut[["state", "stop_reason"]].tolist() == ["INTERRUPTED", "interrupted"]

    assert start(folder, "resume", "toy").wait(timeout=60) == 3  # trial 2 failed
    table = attempts(folder)
    assert list(table.columns) == COLUMNS
    before = killed[killed["ended"].notna()]
    pd.testing.assert_frame_equal(table.head(len(killed))[killed["ended"].notna()], before)

    last = table.groupby("number").tail(1).sort_values("number", ignore_index=True)
    shared = ["number", "attempt", "worker", "state", "stop_reason", "error"]
    trials = sweeps.load(folder / "results" / "toy").trials
    pd.testing.assert_frame_equal(last[shared], trials[shared])
    assert last["ended"].notna().all()

    first = table[table["attempt"] == 1].set_index("number")
    assert first.loc[1, ["state", "stop_reason"]].tolist() == ["FAILED", "crash"]
    assert first.loc[1, "error"] == "exited with code 3"
    assert first.loc[2, ["state", "stop_reason"]].tolist() == ["FAILED", "error"]
    cut = first.loc[3]
    assert cut["state"] == "INTERRUPTED" and pd.isna(cut["ended"]) and pd.isna(cut["seconds"])
    assert (table["started"] >= begun).all() and (table["started"] <= datetime.now(UTC)).all()
    took = (table["ended"] - table["started"]).dt.total_seconds()
    assert took.dropna().tolist() == pytest.approx(table["seconds"].dropna().tolist(), abs=1e-3)
    assert first.loc[0, "seconds"] >= 0.2


def test_a_sweep_stopped_in_good_order_has_the_end_of_what_it_cut_short(folder):
    driver = start(folder, "run", "toy.yaml", "--set", "epochs=1000")
    epochs = folder / "results/toy/trials/0000/metrics.jsonl"
    wait_until(lambda: epochs.exists() and epochs.read_text())
    os.kill(driver.pid, signal.SIGINT)
    assert driver.wait(timeout=30) == 130
    first = attempts(folder).iloc[0]
    assert first[["number", "state", "stop_reason"]].tolist() == [0, "INTERRUPTED", "interrupted"]
    assert first["ended"] > first["started"]


def test_lines_that_do_not_read_back_and_a_lost_file_lose_no_more_than_themselves(folder, monkeypatch):
    monkeypatch.chdir(folder)
    result = sweeps.run("toy.yaml", set={"engine": "inline", "budget.trials": 1})
    events = result.directory / "events.jsonl"
    whole = result.attempts
    lines = events.read_bytes().splitlines(keepends=True)
    events.write_bytes(b"\0\0\0\xff\n[]\n" + b"{}\n".join(lines) + b'{"time":')
    pd.testing.assert_frame_equal(sweeps.load(result.directory).attempts, whole)
    events.unlink()
    lost = sweeps.load(result.directory).attempts
    assert lost.empty and list(lost.columns) == COLUMNS
    assert str(lost["started"].dtype) == str(whole["started"].dtype)
