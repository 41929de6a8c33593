"""I8: the test split was seen once, by a frozen choice of a sweep that had come to its end.

best/selection.json is the choice, best/test.json the choice with what its test gave; both carry the other
choices as ``history``. events.jsonl says in which order things happened.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sweeps.errors import CorruptStudyError
from sweeps.results.choices import read_choice
from sweeps.study import STOPPED
from sweeps.verify.evidence import Evidence
from sweeps.verify.finding import Check, Finding

_WHAT = "the test split is used once, by a finished sweep's frozen choice"
_Choice = Mapping[str, Any]


def the_test_is_done_once(evidence: Evidence) -> Check:
    best = evidence.paths.best
    try:
        test, selection = read_choice(best.test), read_choice(best.selection)
        findings = [*_unselected(test, selection), *_repeated(test or selection)]
    except CorruptStudyError as error:
        findings = [Finding("I8", str(error))]
    except KeyError as error:
        findings = [Finding("I8", f"test.json and selection.json must hold what was written: {error!r}")]
    else:
        findings += _lost(test or selection, evidence)
    return Check("I8", _WHAT, [*findings, *_replayed(evidence)], evidence.silent)


def _unselected(test: _Choice | None, selection: _Choice | None) -> Iterator[Finding]:
    if test is None:
        return
    if selection is None:
        yield Finding("I8", "was tested, and no selection.json says that it was chosen before", test["trial"])
    elif (selection["trial"], selection["epoch"]) != (test["trial"], test["epoch"]):
        chosen = f"the frozen choice is trial {selection['trial']} at epoch {selection['epoch']}"
        yield Finding("I8", f"was tested at epoch {test['epoch']}, and {chosen}", test["trial"])


def _repeated(latest: _Choice | None) -> Iterator[Finding]:
    """``latest`` is the last choice; its history holds the others, not in the order of their tests, since a
    choice that returns to an earlier trial takes up that trial's result.
    """
    choices: Sequence[_Choice] = [*latest["history"], latest] if latest else []
    results = [choice["trial"] for choice in choices if choice.get("metrics") is not None]
    for trial in sorted({trial for trial in results if results.count(trial) > 1}):
        yield Finding("I8", f"has {results.count(trial)} results of the test", trial)
    reasoned = {choice["trial"] for choice in choices if choice.get("reason")}
    by_time = sorted(choices, key=lambda choice: choice.get("time") or "")
    without = dict.fromkeys(choice["trial"] for choice in by_time if choice["trial"] not in reasoned)
    for trial in [*without][1:]:  # the first of all needs none
        yield Finding("I8", "was tested after another trial, and no reason is recorded", trial)


def _lost(latest: _Choice | None, evidence: Evidence) -> Iterator[Finding]:
    """Where another choice came after a result was lost, nothing can be done about it any more."""
    choices: Sequence[_Choice] = [*latest["history"], latest] if latest else []
    known = {choice["trial"] for choice in choices if choice.get("metrics") is not None or choice != latest}
    ended = [event["number"] for event in evidence.events_of("FinalsEnded") if event["tested"] is True]
    for trial in dict.fromkeys(number for number in ended if number not in known):
        told = "was tested, and its result is gone: restore test.json and selection.json from a backup"
        repeat = ", or run `sweep test`, which repeats the test of the same choice"
        yield Finding("I8", told + (repeat if latest and latest["trial"] == trial else ""), trial)


def _replayed(evidence: Evidence) -> Iterator[Finding]:
    may_test = True  # where the beginning of events.jsonl is lost, it cannot be told
    tested: set[int] = set()
    for event in evidence.events:
        match event:
            case {"event": "SweepStarted"}:
                may_test = False
            case {"event": "SweepEnded", "reason": reason}:
                may_test = reason not in STOPPED
            case {"event": "FinalsStarted", "number": number, "test": str()}:
                if not may_test:
                    yield Finding("I8", "was tested while its sweep had not ended", number)
                if number in tested and not event.get("repeated"):
                    yield Finding("I8", "was tested again after its test had given a result", number)
            case {"event": "FinalsEnded", "number": number, "tested": True}:
                tested.add(number)
