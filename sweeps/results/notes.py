"""What the tables say of a trial besides its epochs: the facts it recorded, and its diagnosis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from sweeps.messages import Goal
from sweeps.paths import TrialPaths
from sweeps.results.diagnosis import diagnose
from sweeps.study.record import TrialRecord
from sweeps.trial.curve import Row
from sweeps.trial.facts import Fact, read_facts


@dataclass(frozen=True, slots=True)
class Note:
    """One trial's; the diagnosis is None until it has ended, and where its curves tell too little."""

    facts: Mapping[str, Fact]
    diagnosis: str | None


def note_of(paths: TrialPaths, record: TrialRecord, rows: Sequence[Row], metric: str, goal: Goal) -> Note:
    """``rows`` are the epochs of ``record``, ``metric`` its objective."""
    facts = read_facts(paths.facts)
    return Note(facts, _diagnosis(record, rows, metric, goal, facts) if record.ended else None)


def _diagnosis(
    record: TrialRecord, rows: Sequence[Row], metric: str, goal: Goal, facts: Mapping[str, Fact]
) -> str | None:
    if record.stop_reason == "nonfinite":  # the epoch that ended it is not among its rows
        return "diverged"
    return diagnose([(row.epoch, row.metrics) for row in rows], metric, goal, _baseline(facts))


def _baseline(facts: Mapping[str, Fact]) -> float | None:
    loss = facts.get("baseline_loss")
    usable = isinstance(loss, int | float) and not isinstance(loss, bool)
    return float(loss) if usable and isfinite(loss) and loss > 0 else None  # type: ignore[operator,arg-type]
