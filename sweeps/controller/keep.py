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
            self._rank(record)
        for number in self._shelf.holding():
            if number < len(records) and records[number].ended:
                self._discard(number, but_best=records[number].outside)

    def ended(self, record: TrialRecord) -> None:
        """``record`` has ended, and its end is on the disk."""
        if self._keep.all:
            return
        beaten = self._rank(record)
        self._discard(record.number)
        if beaten is not None:
            self._discard(beaten)

    def _rank(self, record: TrialRecord) -> int | None:
        """The trial that has to leave the best ones for this one. One outside of an edited space keeps its
        best epoch, as another edit may take it in again, and does not count.
        """
        if record.state != "COMPLETE" or record.value is None or record.outside:
            return None
        bisect.insort(self._top, (self._sign * record.value, record.number))
        return self._top.pop()[1] if len(self._top) > self._keep.top else None

    def _discard(self, number: int, *, but_best: bool = False) -> None:
        among_best = any(number == best for _, best in self._top)
        self._shelf.discard(self._paths.trial(number), but_best=but_best or among_best)
