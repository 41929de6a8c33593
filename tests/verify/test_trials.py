"""I1, I2, I3 and I6: each is broken in a real folder, and found."""

from __future__ import annotations

import dataclasses
import json
import sqlite3

import pytest

import sweeps
from sweeps.errors import VerificationError
from sweeps.study import as_shown
from sweeps.verify.evidence import gather
from sweeps.verify.trials import none_is_left_running
from tests.faults.harness import Project

ATTRIBUTE, CREATE, STATE, TRIAL_ATTRIBUTE = 2, 4, 6, 8  # operations of Optuna's journal


def at(lines, **keys) -> int:
    """The index of the first line with these keys."""
    return next(i for i, line in enumerate(lines) if all(line.get(k) == v for k, v in keys.items()))


def cut(start):
    """Drop the line with these keys and all after it."""

    def change(lines):
        del lines[at(lines, **start) :]

    return change


def event(kind, number):
    return {"event": kind, "number": number}


def test_a_real_folder_keeps_every_invariant(folder):
    assert folder.findings() == []
    sweeps.check_invariants(folder.paths.root)


def test_a_journal_that_lost_a_finished_trial(folder):
    """Restored from an old backup, say."""
    folder.edit(
        folder.paths.journal,
        lambda lines: lines.__delitem__(slice(at(lines, op_code=STATE, trial_id=2), None)),
    )
    assert ("I1", 3) in folder.found()
    with pytest.raises(
        VerificationError, match="I1: trial 3: ended as COMPLETE, and the study does not know it"
    ):
        sweeps.check_invariants(folder.paths.root)


@pytest.mark.parametrize(("key", "value"), [("state", "FAILED"), ("value", 0.0), ("attempt", 2)])
def test_a_study_that_says_otherwise_than_when_it_ended(folder, key, value):
    def change(lines):
        lines[at(lines, **event("TrialEnded", 1))][key] = value

    folder.edit(folder.paths.events, change)
    assert folder.found() == [("I1", 1)]
    assert f"{key} was {value!r} when it ended" in folder.findings()[0].message


def test_a_study_that_does_not_read_back(folder):
    text = folder.paths.journal.read_bytes()
    folder.paths.journal.write_bytes(text.replace(b'"op_code":4', b'"op_code:4', 1))
    assert folder.found() == [("I1", None)]


def test_a_folder_without_a_trial_is_a_warning(folder):
    folder.paths.trial(9).directory.mkdir()
    report = sweeps.verify.inspect(folder.paths.root)
    assert report.findings == []
    assert [(warning.invariant, warning.trial) for warning in report.warnings] == [("warning", 9)]


def test_a_trial_that_ends_twice_in_the_study(folder):
    def finish_again(lines):
        lines.append(lines[at(lines, op_code=STATE, trial_id=0)])

    folder.edit(folder.paths.journal, finish_again)
    assert ("I2", 0) in folder.found()


def test_an_attempt_that_ends_twice(folder):
    folder.edit(folder.paths.events, lambda lines: lines.append(lines[at(lines, **event("TrialEnded", 2))]))
    assert folder.found() == [("I2", 2)]


def test_an_attempt_that_begins_twice(folder):
    def begin_again(lines):
        """As a driver would that took up a study and forgot that the attempt was counted."""
        begun = at(lines, **event("TrialStarted", 1))
        lines[begun:begun] = [lines[begun], {**lines[0], "trials_started": 2}]

    folder.edit(folder.paths.events, begin_again)
    assert folder.found() == [("I2", 1)]


def test_a_number_that_a_power_cut_took_is_given_again(folder):
    def lose(lines):
        begun = at(lines, **event("TrialStarted", 1))
        lines[begun:begun] = [lines[begun], {**lines[0], "trials_started": 1}]

    folder.edit(folder.paths.events, lose)
    assert folder.found() == []


def test_a_trial_that_begins_after_its_end(folder):
    folder.edit(folder.paths.events, lambda lines: lines.append(lines[at(lines, **event("TrialStarted", 2))]))
    assert folder.found() == [("I2", 2)]


def test_a_number_that_is_missing(tmp_path):
    toy = Project(tmp_path, engine="inline", storage="sqlite:///study.db")
    assert toy.run().code == 0
    sweeps.check_invariants(toy.paths.root)
    with sqlite3.connect(tmp_path / "study.db") as database:
        database.execute("DELETE FROM trials WHERE number = 1")
    found = {finding.invariant: finding.message for finding in sweeps.verify.verify(toy.paths.root)}
    assert "trial 2: the study must be written by `sweep` alone" in found["I1"], "no reader takes it"


def test_more_trials_than_their_run_allowed(folder):
    folder.edit(folder.paths.events, lambda lines: lines[0].update(budget_trials=2))
    assert folder.found() == [("I3", 2), ("I3", 3)]


def test_more_trials_than_any_budget_allowed(folder):
    folder.edit(folder.paths.events, lambda lines: lines.clear())
    folder.edit_yaml(budget={"trials": 3})
    assert folder.found() == [("I3", None)]
    assert "holds 4 trials, and budget.trials was never above 3" in folder.findings()[0].message


@pytest.mark.parametrize(
    ("budget", "used"), [({"wall": 60.0}, {"elapsed": 61.0}), ({"gpu_hours": 1.0}, {"gpu_seconds": 3601.0})]
)
def test_a_start_after_the_time_was_over(folder, budget, used):
    folder.edit_yaml(budget={"trials": 4} | budget)

    def begin(lines):
        lines[0]["budget"] = budget

    def spend(lines):
        second = [i for i, line in enumerate(lines) if line["op_code"] == CREATE][1]
        spent = {"sweeps": {"version": 1, "elapsed": 1.0, "ended": None} | used}
        lines.insert(second, {**lines[1], "op_code": ATTRIBUTE, "user_attr": spent})

    folder.edit(folder.paths.events, begin)
    assert folder.found() == []
    folder.edit(folder.paths.journal, spend)
    assert folder.found()[0] == ("I3", 1)


def test_more_epochs_than_any_budget_allowed(folder):
    folder.edit(folder.paths.events, lambda lines: lines.clear())
    folder.edit_yaml(budget={"epochs": 11})
    assert folder.found() == [("I3", None)]
    assert "holds 12 epochs, and budget.epochs was never above 11" in folder.findings()[0].message


def running(folder, ended: str | None):
    """The folder as a driver leaves it that is killed while trial 3 runs, or that closes with ``ended``."""

    def close(lines):
        cut({"op_code": TRIAL_ATTRIBUTE, "trial_id": 3})(lines)
        lines.append({**lines[1], "user_attr": {"sweeps": {"version": 1, "elapsed": 1.0, "ended": ended}}})

    folder.edit(folder.paths.journal, close)
    folder.edit(folder.paths.events, cut(event("TrialEnded", 3)))
    for path in folder.paths.best.directory.iterdir():
        path.unlink()


def test_a_killed_driver_leaves_nobody_running(folder):
    running(folder, None)
    assert folder.found() == []
    assert sweeps.load(folder.paths.root).trials["state"].iloc[3] == "INTERRUPTED"
    stored = gather(folder.paths, sweeps.load(folder.paths.root).spec).stored
    assert as_shown(folder.paths, stored)[3].state == "INTERRUPTED"
    assert stored[3].state == "RUNNING", "what is shown is a copy"


def test_a_trial_that_a_closed_run_left_running(folder):
    running(folder, "budget.trials")
    assert folder.found() == [("I6", 3)]


def test_a_table_that_says_running_without_a_driver(folder):
    evidence = gather(folder.paths, sweeps.load(folder.paths.root).spec)
    check = none_is_left_running(dataclasses.replace(evidence, table={**evidence.table, 1: "RUNNING"}))
    assert [(finding.invariant, finding.trial) for finding in check.findings] == [("I6", 1)]


def test_lines_that_are_torn_are_skipped(folder):
    with open(folder.paths.events, "a") as file:
        file.write(json.dumps({"event": "TrialEnded"})[:-4])
    assert folder.found() == []
