"""What trials of a sweep are compared by: one metric, or several of which none is traded for another.

A trial stands for its best epoch by the leading metric; its further objectives are those of that epoch. It
dominates another one if it is nowhere worse and somewhere better. The front are the COMPLETE trials inside
the space that hold every constraint on metrics and that no other such trial dominates (Deb, "Multi-Objective
Optimization using Evolutionary Algorithms", 2001).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sweeps.messages import Goal
from sweeps.study.front import nondominated
from sweeps.study.record import TrialRecord, best_of

Losses = tuple[float, ...]  # one an objective, the leading one first; lower is better


@dataclass(frozen=True, slots=True)
class Objectives:
    """The leading metric's goal, and the goals of the further ones by name, in the YAML's order."""

    goal: Goal
    further: Mapping[str, Goal] = field(default_factory=dict)

    @property
    def several(self) -> bool:
        return bool(self.further)

    @property
    def goals(self) -> Sequence[Goal]:
        return [self.goal, *self.further.values()]

    def values(self, record: TrialRecord) -> list[float] | None:
        """Every objective at the trial's best epoch; None where it has none, or does not know them all."""
        return None if record.value is None else self._joined(record.value, record.best_epoch, record)

    def losses(self, record: TrialRecord) -> Losses | None:
        """`values`, those that are maximized negated."""
        return self._signed(self.values(record))

    def losses_until(self, record: TrialRecord, epoch: int) -> Losses | None:
        """`losses` of the trial as it stood after ``epoch``, which it has reported."""
        until = {e: value for e, value in record.values.items() if e <= epoch}
        return self._signed(self._joined(*best_of(until, self.goal), record))

    def _joined(self, value: float, epoch: int | None, record: TrialRecord) -> list[float] | None:
        kept = None if epoch is None else record.further.get(epoch)
        told = kept.metrics if kept else {}
        if not self.further.keys() <= told.keys():  # a study of somebody else's
            return None
        return [value, *(told[name] for name in self.further)]

    def _signed(self, values: Sequence[float] | None) -> Losses | None:
        if values is None:
            return None
        return tuple(v if goal == "minimize" else -v for v, goal in zip(values, self.goals, strict=True))

    def usable(self, records: Iterable[TrialRecord]) -> list[tuple[Losses, int, TrialRecord]]:
        """(losses, number, trial) of those that may win, the best one first: by the leading metric, of equal
        ones by the next, at last by number. So the first one is on the front.
        """
        found = []
        for record in records:
            losses = self.losses(record) if record.may_win else None
            if losses is not None:
                found.append((losses, record.number, record))
        return sorted(found, key=lambda entry: entry[:2])

    def front(self, records: Iterable[TrialRecord]) -> list[TrialRecord]:
        """The front, the best by the leading metric first; trials that are equal are on it together."""
        usable = self.usable(records)
        if not usable:
            return []
        on_front = nondominated([losses for losses, _, _ in usable])
        return [record for (_, _, record), among in zip(usable, on_front, strict=True) if among]
