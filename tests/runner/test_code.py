"""The training function's code: trials of two sources are not compared unless somebody says so."""

from __future__ import annotations

import pytest

import sweeps
from sweeps import runner
from sweeps.errors import RefusedError


def test_changed_code_is_refused_until_it_is_allowed_once(toy):
    toy.run()
    first = sweeps.load(toy.folder).trials["source"][0]
    toy.change_code()
    before = toy.files()
    rule = r"toy:train must stay as it is.*4 trial\(s\) of results/toy.*" + first
    with pytest.raises(RefusedError, match=f"{rule}.*--allow-code-change.*--fresh") as refused:
        sweeps.resume(toy.folder, {"budget.trials": 5})
    assert refused.value.exit_code == 5
    assert toy.files() == before
    result = runner.resume(toy.folder, ["budget.trials=5"], allow_code_change=True)
    assert any("4 trial(s) were started under another source" in note for note in result.notes)
    sources = sweeps.load(toy.folder).trials["source"].tolist()
    assert sources[:4] == [first] * 4 and sources[4] != first and len(sources[4]) == 12
    assert len(sweeps.resume(toy.folder, {"budget.trials": 6}).trials) == 6, "it was allowed, and stays so"
    toy.change_code("# changed again\n")
    with pytest.raises(RefusedError, match="6 trial"):
        sweeps.resume(toy.folder, {"budget.trials": 7})


def test_the_same_command_goes_on_when_told_to(toy):
    toy.run(budget={"trials": 2})
    with pytest.raises(RefusedError, match=r"budget\.trials: 2 -> 3"):
        toy.run(budget={"trials": 3})
    sweeps.resume(toy.folder, {"budget.trials": 3})
    toy.change_code()
    assert len(sweeps.run(toy.spec(budget={"trials": 3})).trials) == 3, "nothing is left to train"
    sweeps.resume(toy.folder, {"budget.trials": 4}, allow_code_change=True)
    assert len(sweeps.run(toy.spec(budget={"trials": 4}), allow_code_change=True).trials) == 4


def test_a_repaired_bug_needs_no_flag(toy, monkeypatch):
    monkeypatch.setenv("FAIL", "0.1")
    toy.run(budget={"trials": 1})
    toy.change_code()
    result = runner.resume(toy.folder, ["budget.trials=3"])
    assert any("no trial of its old source is compared" in note for note in result.notes)
    trials = sweeps.load(toy.folder).trials
    assert trials["state"].tolist() == ["FAILED", "COMPLETE", "COMPLETE"]
    assert trials["source"][0] != trials["source"][1] == trials["source"][2]


@pytest.mark.parametrize(("at", "refused"), [("0.1", False), ("0.2", True)])
def test_a_trial_that_was_cut_short_counts_from_its_first_epoch(toy, at, refused):
    toy.spec(budget={"trials": 2})
    assert toy.command("run", "toy.yaml", KILL=at) == -9
    old = sweeps.load(toy.folder).trials["source"][0]
    toy.change_code()
    if refused:
        with pytest.raises(RefusedError, match=r"1 trial\(s\)"):
            sweeps.resume(toy.folder)
    trials = sweeps.resume(toy.folder, allow_code_change=refused).trials
    assert trials["state"].tolist() == ["COMPLETE", "COMPLETE"]
    assert (trials["source"][0] == old) == refused, "started anew, it is of the new source"


def test_an_edit_that_leaves_every_trial_outside_takes_new_code_along(toy):
    """A new parameter needs new code, and no trial that lacks it is compared any more."""
    toy.run()
    toy.change_code()
    wider = {"x": {"min": 0.0, "max": 1.0}, "kind": {"values": ["a"]}, "y": {"values": [1, 2]}}
    trials = toy.edit(parameters=wider, enqueue=None, budget={"trials": 5}).trials
    assert trials["outside"].tolist() == [True] * 4 + [False]
    with pytest.raises(RefusedError, match=r"4 trial\(s\)"):  # brought back, they would be
        toy.edit(parameters={k: v for k, v in wider.items() if k != "y"} | {"kind": {"values": ["a", "b"]}})
