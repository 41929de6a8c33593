"""Which checkpoints stay: those of trials that may go on, and the best epochs of the best trials.

Where there are several metrics these are the best by the leading one, and the whole front besides.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence

from sweeps.paths import RunPaths
from sweeps.spec import Keep
from sweeps.study import Losses, Objectives, TrialRecord
from sweeps.study.front import nondominated
from sweeps.trial.handover import Shelf


class Keeper:
    """Removes what `keep` in the YAML does not ask for, once the study says for good that a trial has ended.

    What a population hands on is never of an ended trial, so nothing of it is touched here.
    """

    def __init__(self, keep: Keep, objectives: Objectives, paths: RunPaths, shelf: Shelf) -> None:
        self._keep = keep
        self._objectives = objectives
        self._paths = paths
        self._shelf = shelf
        self._top: list[tuple[Losses, int]] = []  # with the number, as the winner is chosen
        self._front: dict[int, Losses] = {}

    def start(self, records: Sequence[TrialRecord]) -> None:
        """Remove what an earlier run would have removed, and could not, or was to keep."""
        if self._keep.all:
            return
        self._top.clear()
        self._front.clear()
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
        for number in dict.fromkeys([record.number, *beaten]):
            self._discard(number)

    def _rank(self, record: TrialRecord) -> list[int]:
        """The trials that have to leave the best ones for this one. One outside of an edited space keeps its
        best epoch, as another edit may take it in again, and does not count.
        """
        losses = self._objectives.losses(record) if record.may_win else None
        if losses is None:
            return []
        bisect.insort(self._top, (losses, record.number))
        beaten = [self._top.pop()[1]] if len(self._top) > self._keep.top else []
        return beaten + (self._enter_front(record.number, losses) if self._objectives.several else [])

    def _enter_front(self, number: int, losses: Losses) -> list[int]:
        """The trials that are not on the front once this one is known, perhaps itself."""
        known = {**self._front, number: losses}
        among = dict(zip(known, nondominated(list(known.values())), strict=True))
        self._front = {trial: losses for trial, losses in known.items() if among[trial]}
        return [trial for trial in known if not among[trial]]

    def _discard(self, number: int, *, but_best: bool = False) -> None:
        among_best = number in self._front or any(number == best for _, best in self._top)
        self._shelf.discard(self._paths.trial(number), but_best=but_best or among_best)
