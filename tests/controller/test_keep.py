"""Which checkpoints stay: those of trials that may go on, and the best epochs of the best trials."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time

import pytest

import sweeps
from sweeps.controller import EpochReported
from sweeps.engines.ray.storage import Storage, StoredShelf
from sweeps.paths import RunPaths
from sweeps.runner import resume, run
from sweeps.trial.handover import FolderShelf

TOY = """
import torch

def train(trial):
    model = torch.nn.Linear(2, 1)
    for epoch in trial.epochs(model=model):
        if trial.config.x == 0.6 and epoch == 2:
            raise ValueError("x is too large")
        trial.report(val_loss=trial.config.x + 1 / epoch)

def test(trial):
    trial.restore_best(model=torch.nn.Linear(2, 1))
    return {"accuracy": 1.0}
"""
XS = (0.5, 0.6, 0.1, 0.8, 0.3, 0.4, 0.2)  # trial 1 fails, trial 3 is pruned
SPEC = f"""
version: 1
name: toy
train: toy.py:train
test: toy.py:test
epochs: 3
parameters: {{x: {{min: 0.0, max: 1.0}}}}
enqueue: [{", ".join(f"{{x: {x}}}" for x in XS)}]
budget: {{trials: {len(XS)}}}
pruner: {{name: threshold, upper: 1.7}}
engine: inline
keep: {{top: 2}}
"""
BEST = {"best.pt", "best.pt.sha256"}
ALL = {"last.pt", "last.pt.sha256", *BEST}


@pytest.fixture
def toy(tmp_path, monkeypatch):
    (tmp_path / "toy.py").write_text(TOY)
    (tmp_path / "toy.yaml").write_text(SPEC)
    monkeypatch.chdir(tmp_path)
    return RunPaths(tmp_path / "results" / "toy")


def kept(toy, number: int) -> set[str]:
    names = {path.name for path in toy.trial(number).directory.iterdir()}
    return names - {"metrics.jsonl", "log.txt"}


def test_the_best_epochs_of_the_best_trials_stay(toy):
    seen = []

    def look(event):
        """What lies there while trial 2 trains: it has it all, and what ended before it has its best."""
        if isinstance(event, EpochReported) and (event.number, event.epoch) == (2, 2):
            seen.extend([kept(toy, 0), kept(toy, 1), kept(toy, 2) >= ALL])

    done = run("toy.yaml", observers=[look])
    assert done.states == {"COMPLETE": 5, "PRUNED": 1, "FAILED": 1}
    assert seen == [BEST, set(), True]
    assert [kept(toy, number) for number in range(7)] == [BEST if n in (2, 6) else set() for n in range(7)]
    assert done.winner.number == 2 and done.winner.test == {"accuracy": 1.0}
    shutil.rmtree(toy.best.directory)
    sweeps.load(toy.root).export("bundle")  # from the winner's checkpoint


def test_a_resumed_sweep_removes_what_a_kill_left_and_touches_nothing_that_goes_on(toy):
    def interrupt(event):
        if isinstance(event, EpochReported) and (event.number, event.epoch) == (4, 2):
            raise RuntimeError("the driver dies")

    assert run("toy.yaml", ["budget.trials=4"]).exit_code == 3
    for name in ("last.pt", "last.prev.pt", "best.pt.sha256", ".best.pt.tmp", "inherited.pt", "mine.bin"):
        (toy.trial(3).directory / name).write_bytes(b"left by a kill")
    left = toy.root / ".trials.parquet.77.tmp"
    left.write_bytes(b"left by a kill, too")
    with pytest.raises(RuntimeError, match="the driver dies"):
        resume(toy.root, ["budget.trials=7"], observers=[interrupt])
    assert kept(toy, 3) == {"mine.bin"}  # a user's own file
    assert not left.exists()
    assert kept(toy, 4) >= ALL  # INTERRUPTED
    assert resume(toy.root, ["keep.top=1", "budget.trials=7"]).exit_code == 3
    assert [kept(toy, number) for number in (0, 2, 4, 6)] == [set(), BEST, set(), set()]
    trials = sweeps.load(toy.root).trials.set_index("number")
    assert trials.loc[4, "attempt"] == 2 and trials.loc[4, "epochs"] == 3


def test_a_best_epoch_outside_of_an_edited_space_stays_and_does_not_count(toy, tmp_path):
    run("toy.yaml")
    edited = SPEC.replace("{min: 0.0, max: 1.0}", "{min: 0.15, max: 1.0}").replace("x: 0.1", "x: 0.25")
    (tmp_path / "edited.yaml").write_text(edited.replace("trials: 7", "trials: 8"))
    done = resume(toy.root, edit="edited.yaml")
    assert done.states["COMPLETE"] == 6
    assert sweeps.load(toy.root).best.number == 6  # x: 0.2, whose checkpoint was kept
    assert [kept(toy, number) for number in range(8)] == [BEST if n in (2, 6, 7) else set() for n in range(8)]


def test_all_of_them_stay_where_that_is_asked_for(toy):
    run("toy.yaml", ["keep.all=true"])
    assert kept(toy, 0) == ALL
    assert kept(toy, 1) >= ALL  # failed
    assert kept(toy, 3) == BEST  # pruned at its first epoch
    resume(toy.root, ["keep.all=false"])
    assert [kept(toy, number) for number in (0, 1, 2, 3)] == [set(), set(), BEST, set()]


def test_checkpoints_in_a_storage_follow_the_same_rule(toy, tmp_path):
    storage = Storage((tmp_path / "store").as_uri())
    shelf = StoredShelf(storage)
    assert set(shelf.holding()) == set()
    for number in (0, 1):
        for name in (*ALL, "best.prev.pt", "inherited.pt"):
            storage.write(f"trials/{number:04d}/{name}", b"checkpoint")
    assert set(shelf.holding()) == {0, 1}
    shelf.discard(toy.trial(0), but_best=True)
    shelf.discard(toy.trial(1), but_best=False)
    shelf.discard(toy.trial(1), but_best=False)  # again: nothing to do
    shelf.close()
    left = sorted(str(p.relative_to(tmp_path / "store")) for p in tmp_path.rglob("store/trials/*/*"))
    assert left == ["trials/0000/best.pt", "trials/0000/best.pt.sha256"]


def test_nobody_waits_for_a_storage_that_fails_for_a_while(toy, tmp_path):
    store = tmp_path / "store"
    storage = Storage(store.as_uri())
    storage.write("trials/0000/last.pt", b"checkpoint")
    shelf = StoredShelf(storage)
    with read_only(store):
        begun = time.monotonic()
        shelf.discard(toy.trial(0), but_best=False)
        assert time.monotonic() - begun < 0.2
        time.sleep(0.2)
        assert (store / "trials/0000/last.pt").exists()
    shelf.close()
    assert not (store / "trials/0000/last.pt").exists()


@contextlib.contextmanager
def read_only(folder):
    mount = subprocess.run(["mount", "--bind", folder, folder], capture_output=True, text=True)
    if mount.returncode:
        pytest.skip(f"mounting is not permitted here: {mount.stderr.strip()}")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


def test_what_is_no_trials_folder_is_no_hindrance(tmp_path):
    assert not FolderShelf(tmp_path / "trials").holding()
    (tmp_path / "trials").mkdir()
    for name in ("0001", ".DS_Store"):
        (tmp_path / "trials" / name).write_text("")
    assert not FolderShelf(tmp_path / "trials").holding()
    assert not StoredShelf(Storage(tmp_path.as_uri())).holding() - {1}
