"""Which checkpoints stay: those of trials that may go on, and the best epochs of the best trials."""

from __future__ import annotations

import bisect
from collections.abc import Sequence

from sweeps.messages import Goal
from sweeps.paths import RunPaths
from sweeps.spec import Keep
from sweeps.study import TrialRecord
from sweeps.trial.handover import Shelf


class Keeper:
    """Removes what `keep` in the YAML does not ask for, once the study says for good that a trial has ended.

    What a population hands on is never of an ended trial, so nothing of it is touched here.
    """

    def __init__(self, keep: Keep, goal: Goal, paths: RunPaths, shelf: Shelf) -> None:
        self._keep = keep
        self._sign = 1.0 if goal == "minimize" else -1.0
        self._paths = paths
        self._shelf = shelf
        self._top: list[tuple[float, int]] = []  # (objective to minimize, number), as the winner is chosen

    def start(self, records: Sequence[TrialRecord]) -> None:
        """Remove what an earlier run would have removed, and could not, or was to keep."""
        if self._keep.all:
            return
        self._top.clear()
        for record in records:
            if record.state == "COMPLETE":
                self._rank(record)
        for number in self._shelf.holding():
            if number < len(records) and records[number].ended:
                self._discard(number)

    def ended(self, record: TrialRecord) -> None:
        """``record`` has ended, and its end is on the disk."""
        if self._keep.all:
            return
        beaten = self._rank(record) if record.state == "COMPLETE" else None
        self._discard(record.number)
        if beaten is not None:
            self._discard(beaten)

    def _rank(self, record: TrialRecord) -> int | None:
        """The trial that has to leave the best ones for this one."""
        if record.value is None:
            return None
        bisect.insort(self._top, (self._sign * record.value, record.number))
        return self._top.pop()[1] if len(self._top) > self._keep.top else None

    def _discard(self, number: int) -> None:
        among_best = any(number == best for _, best in self._top)
        self._shelf.discard(self._paths.trial(number), but_best=among_best)
