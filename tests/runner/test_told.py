"""What a run tells its caller: notes before trials start, the reason why it ended."""

from __future__ import annotations

import pytest

import sweeps
from tests.cli.commands import sweep


def test_the_reason_of_a_run_that_was_stopped(toy):
    always = "\n\ndef train(trial):\n    raise ValueError('always')\n"
    toy.change_code(always)
    results = toy.run(breaker={"in_a_row": 2})
    assert results.reason == "breaker" == sweeps.load(toy.folder).reason
    stopped = next(note for note in results.notes if note.startswith("stopped by the breaker: "))
    assert "fewer than 2 equal failures" in stopped and stopped.endswith("sweep resume results/toy")
    assert any(note.startswith("2 trial(s) failed with error: ValueError: always") for note in results.notes)
    assert sweeps.load(toy.folder).notes == ()


def test_the_reason_of_a_run_that_came_to_its_end(toy):
    assert toy.run().reason == "budget.trials" == sweeps.load(toy.folder).reason


def test_changed_code_is_a_warning_before_trials_start(toy):
    toy.run()
    toy.change_code()
    events = []
    with pytest.warns(UserWarning, match="4 trial") as caught:
        results = sweeps.resume(
            toy.folder, {"budget.trials": 5}, allow_code_change=True, observers=[events.append]
        )
    assert [warning.filename for warning in caught] == [__file__]
    assert str(caught[0].message) in results.notes
    kinds = [type(event).__name__ for event in events]
    assert kinds.index("Noted") < kinds.index("TrialStarted")


def test_the_command_tells_it_once_and_first(toy):
    toy.run()
    toy.change_code()
    arguments = ("resume", "toy", "--set", "budget.trials=5", "--allow-code-change")
    said = sweep(arguments, toy.path, {}).stderr
    assert said.count("were started under another source") == 1
    assert said.index("were started under another source") < said.index("trial 4 started")
