"""What goes wrong around a sweep: other drivers, locks of the dead, clocks that jump, folders that move."""

from __future__ import annotations

import json
import os
import shutil
import socket
from itertools import pairwise

import pytest

import sweeps
from tests.faults.inject import Fault

CONTROLLER = "sweeps.controller.controller:Controller"


HOLDERS = {
    "dead": {"pid": 2**22 - 1, "host": socket.gethostname()},
    "live": {"pid": os.getpid(), "host": socket.gethostname()},
    "of another host": {"pid": 1, "host": "another"},
}


def test_a_lock_that_nobody_holds_keeps_nobody_out(project):
    """The kernel's lock counts, not what a killed driver left in the file."""
    toy = project(engine="inline", budget={"trials": 1})
    toy.paths.root.mkdir(parents=True)
    toy.paths.lock.write_text('{"pid": 1')  # torn
    assert toy.run().code == 0
    for holder in HOLDERS.values():
        toy.paths.lock.write_text(json.dumps(holder))
        ended = toy.resume()
        assert ended.code == 0, ended.err
    toy.verify()


def test_a_results_folder_that_was_moved_is_resumed(project, tmp_path):
    toy = project()
    toy.killed_at(Fault(f"{CONTROLLER}.report", "after", 5))
    before = toy.executed()
    moved = tmp_path / "elsewhere" / "renamed"
    moved.parent.mkdir()
    shutil.move(toy.paths.root, moved)
    ended = toy.run("resume", str(moved))
    assert ended.code == 0, ended.err
    assert not toy.paths.root.exists()
    trials = sweeps.load(moved).trials
    assert set(trials["state"]) == {"COMPLETE"} and len(trials) == 4
    epochs = {(number, epoch) for number, _, epoch in toy.executed()[: len(before)]}
    again = [(number, epoch) for number, _, epoch in toy.executed()[len(before) :]]
    assert len(epochs & set(again)) <= 2, "trials did not go on from their checkpoints"
    sweeps.check_invariants(moved)


@pytest.mark.faults
@pytest.mark.parametrize("seconds", [-86_400, 86_400], ids=["back", "forward"])
def test_a_clock_that_jumps_a_day(project, seconds):
    """Budgets and timeouts go by a clock that nobody sets; what it is in the tables is what it was."""
    budget, timeout = {"trials": 4, "wall": "120s"}, {"report": "60s", "trial": "100s"}
    toy = project(budget=budget, timeout=timeout)
    ended = toy.run(SWEEPS_TEST_CLOCK=str(seconds))
    assert ended.code == 0, ended.err
    times = [event["time"] for event in map(json.loads, toy.paths.events.read_text().splitlines())]
    assert any(abs(later - earlier) > 80_000 for earlier, later in pairwise(times))
    trials = sweeps.load(toy.paths.root).trials
    assert list(trials["state"]) == ["COMPLETE"] * 4
    assert (trials["seconds"] < 60).all()
    toy.verify()


FAILING = """

def fails(trial):
    raise ValueError(f"no such thing in trial {trial.number}")
"""


def test_all_trials_fail(project):
    toy = project(FAILING, train="toy:fails", engine="inline")
    ended = toy.run()
    assert ended.code == 4
    assert "there is none (4 FAILED)" in ended.err
    assert toy.tested() == [] and not toy.paths.best.directory.exists()
    toy.verify()


FLAKY = """

from pathlib import Path

imports = Path("imports")
imports.write_text(imports.read_text() + "x" if imports.exists() else "x")
if len(imports.read_text()) == 2:
    raise OSError("too many open files")
"""


@pytest.mark.faults
def test_the_import_fails_in_one_worker(project):
    """Whatever became of a file system for a moment: the slot gets another worker."""
    toy = project(FLAKY, workers=1, isolation="trial")
    ended = toy.run()
    assert ended.code == 0, ended.err
    assert toy.states() == [("COMPLETE", "finished")] * 4
    assert len((toy.folder / "imports").read_text()) >= 6  # one that failed, and one for the test
    toy.verify()
