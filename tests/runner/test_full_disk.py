"""A disk that fills up under every writer in turn: the sweep stops in good order, and goes on with room.

The disks are real: a file system of one megabyte where mounting is permitted, and the limit on the size of
files (ulimit -f) where a single file has to fail, or one that was seen to fit.
"""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

import sweeps
from sweeps import runner
from sweeps.controller import SweepEnded, SweepHalted
from sweeps.engines.ray.storage import Storage
from sweeps.errors import DiskFullError
from sweeps.paths import RunPaths
from sweeps.runner import resume, run

TOY = """
import contextlib, os, resource
from pathlib import Path
import torch

def fill(path="results/filler"):
    with open(path, "ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

def train(trial):
    act = os.environ.get("ACT", "")
    objects = {"model": torch.nn.Linear(100, 100)} if act not in ("metrics.jsonl", "study.journal") else {}
    for epoch in trial.epochs(**objects):
        now = (trial.number, epoch) == (1, 1 if act == "metrics.jsonl" else 2)
        if now and act in ("metrics.jsonl", "study.journal", "a checkpoint", "facts.json", "log.txt"):
            fill()
        if now and "/" in act:
            fill(act)
        if now and act == "facts.json":
            trial.record(weights=3)
        if now and act == "log.txt":
            print("x" * 10_000)
        if act == "elsewhere" and trial.number == 1:
            Path("/dev/full").write_bytes(b"a cache of the function's own")
        if act == "failure":
            raise ValueError("no good")
        if now and act == "best.pt":
            limit(20_000)
        trial.report(val_loss=trial.config.x + 1 / epoch)
        if now and act == "last.pt":
            limit(20_000)

def test(trial):
    if os.environ.get("ACT") == "test.json":
        fill()
    return {"accuracy": 0.5}
"""
SPEC = """
version: 1
name: toy
train: toy.py:train
test: toy.py:test
epochs: 30
parameters: {x: {min: 0.0, max: 1.0}}
budget: {trials: 3}
pruner: none
engine: inline
"""
COLUMNS = ["number", "state", "metric", "best_epoch", "epochs"]


@contextlib.contextmanager
def mounted(place: Path, size: str = "1m"):
    place.mkdir()
    mount = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], capture_output=True, text=True
    )
    if mount.returncode:
        pytest.skip(f"mounting is not permitted here: {mount.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", place], check=True)


@contextlib.contextmanager
def files_of_at_most(size: int):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def toy(tmp_path, monkeypatch):
    (tmp_path / "toy.py").write_text(TOY)
    (tmp_path / "toy.yaml").write_text(SPEC)
    monkeypatch.chdir(tmp_path)
    return RunPaths(tmp_path / "results" / "toy")


def fill():
    with open("results/filler", "ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))


def fill_at_the_end(event):
    if isinstance(event, SweepEnded):
        fill()


def stopped(result, named: str):
    """It stopped for the disk, and said so in one line; returns the trials that have ended."""
    assert (result.exit_code, result.reason) == (6, "disk"), result
    (note,) = result.notes
    assert named in note and note.endswith("go on: sweep resume results/toy") and "\n" not in note
    assert set(result.states) <= {"COMPLETE", "INTERRUPTED"}
    trials = sweeps.load(result.directory).trials
    assert trials["state"].value_counts().to_dict() == {k: n for k, n in result.states.items() if n}
    return trials[trials["state"] == "COMPLETE"][COLUMNS].values.tolist()


def goes_on(toy, before, budget: int = 3):
    """With room again the budget comes out exact, and what had ended has not changed."""
    result = resume(toy.root)
    assert result.exit_code == 0, result
    trials = sweeps.load(toy.root).trials
    assert trials["number"].tolist() == list(range(budget)) and set(trials["state"]) == {"COMPLETE"}
    rows = trials[COLUMNS].values.tolist()
    assert [rows[row[0]] for row in before] == before
    assert result.winner.test == {"accuracy": 0.5}
    assert not list(toy.root.rglob(".*.tmp"))


NAMED = {
    "metrics.jsonl": "trials/0001/metrics.jsonl: cannot be written: No space left on device (0 B are free)",
    "facts.json": "trials/0001/facts.json: cannot be written",
    "log.txt": "trials/0001: cannot be written",
    "a checkpoint": "trials/0001/best.pt: a checkpoint must leave 52.4 kB of the disk free",
    "study.journal": "results/toy/study.journal: cannot be written",
    "tables": "results/toy/epochs.parquet: cannot be written",
    "test.json": "results/toy/best/test.json: cannot be written",
}


@pytest.mark.parametrize("writer", NAMED)
def test_a_file_system_that_fills_up(toy, monkeypatch, writer):
    monkeypatch.setenv("ACT", writer)
    with mounted(toy.root.parent):
        observers = [fill_at_the_end] if writer == "tables" else []
        ended = stopped(run("toy.yaml", observers=observers), NAMED[writer])
        assert len(ended) == (3 if writer in ("tables", "test.json") else 1)
        with pytest.raises(
            DiskFullError,
            match=r"results/toy: at least 5.\.4 kB must be free.* 0 B are: "
            r"free some space there, and do the same again$",
        ):
            resume(toy.root)
        (toy.root.parent / "filler").unlink()
        monkeypatch.setenv("ACT", "no more")
        goes_on(toy, ended)


@pytest.mark.parametrize("writer", ["best.pt", "last.pt"])
def test_a_checkpoint_that_did_not_fit_although_it_should(toy, monkeypatch, writer):
    monkeypatch.setenv("ACT", writer)
    with files_of_at_most(resource.getrlimit(resource.RLIMIT_FSIZE)[0]):
        ended = stopped(run("toy.yaml"), f"trials/0001/{writer}: cannot be written: File too large")
    monkeypatch.setenv("ACT", "no more")
    goes_on(toy, ended)


def test_a_full_disk_elsewhere_is_an_error_of_the_function(toy, monkeypatch):
    monkeypatch.setenv("ACT", "elsewhere")
    result = run("toy.yaml", ["epochs=2"])
    assert (result.exit_code, result.states) == (3, {"COMPLETE": 2, "FAILED": 1})
    trial = sweeps.load(toy.root).trials.loc[1]
    assert trial["stop_reason"] == "error" and "No space left on device" in trial["error"]
    assert "a cache of the function's own" in toy.trial(1).log.read_text()  # the line of its traceback


def test_of_a_disk_and_a_breaker_the_disk_is_told(toy, monkeypatch):
    monkeypatch.setenv("ACT", "failure")

    def no_more(event):
        if isinstance(event, SweepHalted):
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))

    with files_of_at_most(resource.getrlimit(resource.RLIMIT_FSIZE)[0]):
        result = run("toy.yaml", ["breaker.in_a_row=2"], observers=[no_more])
    assert (result.exit_code, result.reason) == (6, "disk")
    (note,) = result.notes
    assert note.endswith(
        "study.journal: cannot be written: File too large; raise the limit on the size of files (ulimit -f), "
        "and go on: sweep resume results/toy"
    )


def test_the_drivers_own_files(toy):
    with files_of_at_most(100), pytest.raises(DiskFullError, match=r"sweep\.yaml: cannot be written.*again"):
        run("toy.yaml")
    assert run("toy.yaml", ["budget.trials=1"]).exit_code == 0
    with open(toy.events, "a") as events:
        events.write('{"event":"Padding"}\n' * 3_000)
    with files_of_at_most(50_000):
        ended = stopped(resume(toy.root, ["budget.trials=2"]), "events.jsonl: cannot be written")
    for file in toy.best.directory.iterdir():
        file.unlink()
    with open(toy.events, "w"), files_of_at_most(30_000):
        ended = stopped(resume(toy.root, ["budget.trials=1"]), "model.safetensors: cannot be written")
        with pytest.raises(DiskFullError, match=r"model\.safetensors: cannot be written.* do the same again"):
            runner.test(toy.root)
    assert len(ended) == 1
    goes_on(toy, ended, budget=1)


def test_a_database_whose_disk_fills_up(toy, monkeypatch):
    monkeypatch.setenv("ACT", "elsewhere/filler")
    elsewhere = toy.root.parent.with_name("elsewhere")
    storage = f"storage=sqlite:///{elsewhere}/study.db"
    with mounted(elsewhere):
        named = "elsewhere/study.db, which refuses it: database or disk is full; free some space there"
        ended = stopped(run("toy.yaml", [storage, "epochs=3"]), named)
        assert len(ended) == 1
        (elsewhere / "filler").unlink()
        monkeypatch.setenv("ACT", "no more")
        goes_on(toy, ended)
        gc.collect()  # readers' connections


def test_a_storage_that_is_full(toy):
    with mounted(toy.root.parent):
        storage = Storage(toy.root.parent.as_uri())
        fill()
        with pytest.raises(DiskFullError, match=r"storage_path must be a folder.*No space left on device"):
            storage.write("trials/0000/last.pt", bytes(10_000))


def test_worker_processes_and_the_command(toy):
    def sweep(*arguments):
        command = [sys.executable, "-m", "sweeps", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"ACT": ""})
        assert "Traceback" not in done.stderr
        return done

    with mounted(toy.root.parent):
        many = ("--set", "engine=local", "--set", "workers=2", "--set", "keep.all=true")
        done = sweep("run", "toy.yaml", *many, "--set", "budget.trials=8", "--set", "epochs=3")
        assert done.returncode == 6 and "sweep ended: disk" in done.stderr, done.stderr
        assert "sweep resume results/toy" in done.stderr.splitlines()[-1]
        fill()
        refused = sweep("run", "toy.yaml", "--set", "name=other")
        assert refused.returncode == 6 and "must be free where results are written" in refused.stderr
        assert not (toy.root.parent / "other").exists()
        subprocess.run(["mount", "-o", "remount,size=4m", toy.root.parent], check=True)
        done = sweep("resume", "toy")
        assert done.returncode == 0, done.stderr
        trials = sweeps.load(toy.root).trials
        assert trials["state"].tolist() == ["COMPLETE"] * 8 and not trials["error"].notna().any()
