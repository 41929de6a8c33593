"""Rungs: what successive halving compares at, kept so that a report costs one bisection.

What stands on a rung can be read from the trials' records, so that a sweep that is taken up again goes on
with the rungs it had: a trial stands on every rung that it has passed, whatever was decided there, with its
best up to the first epoch it reported at or after it, and a COMPLETE one on the rest with its best of all.
An epoch that is trained again changes nothing: what was decided by its first value stands. The records hold
its latest value, though, and forget how far an attempt came before the last one ended the trial earlier:
after a resume it is those that count.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from array import array
from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Any, Generic, Protocol, TypeVar

from sweeps.components import check_least
from sweeps.errors import UsageError
from sweeps.messages import Goal
from sweeps.study.record import TrialRecord


class Milestone(Protocol):
    """What trials are compared on at one epoch."""

    epoch: int

    def add(self, loss: Any) -> None:
        """A trial has come to it."""


R = TypeVar("R", bound=Milestone)


def check_halving(epochs: int, reduction_factor: int, **first: int) -> None:
    """Raises UsageError where the ``first`` rung, by its option's name, is not within the sweep's epochs, or
    where nobody would be left behind.
    """
    for name, epoch in first.items():
        if not 1 <= epoch <= epochs:
            raise UsageError(f"{name} must be from 1 to the sweep's {epochs} epochs, not {epoch}")
    check_least(2, reduction_factor=reduction_factor)


class Rung:
    """One milestone: the losses (lower is better) of the trials that reached ``epoch``, sorted.

    Takes 8 bytes a trial. A new loss is found its place in O(log n), and the ones above it are moved up at
    once, which for 10,000 of them takes 2 microseconds.
    """

    __slots__ = ("epoch", "losses")

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.losses = array("d")

    def add(self, loss: float) -> None:
        insort(self.losses, loss)

    def promotes(self, loss: float, reduction_factor: int) -> bool:
        """Whether ``loss`` is in the best 1/reduction_factor; ties count as being in it.

        While fewer than ``reduction_factor`` trials are here only the best one so far goes on: nothing can
        be paused and promoted later.
        """
        places = max(1, len(self.losses) // reduction_factor)
        return bisect_left(self.losses, loss) < places


class Ladder(Generic[R]):
    """Rungs at ``first * reduction_factor**k`` epochs, below the last one, and how high each trial stands.

    Each is made by ``rung`` of its epoch.
    """

    def __init__(self, first: int, reduction_factor: int, epochs: int, rung: Callable[[int], R]) -> None:
        self.rungs: list[R] = []
        while first < epochs:
            self.rungs.append(rung(first))
            first *= reduction_factor
        self._heights: dict[int, int] = {}  # trial -> on how many rungs, from the lowest, it stands

    def climb(self, trial: int, epoch: int, loss: Any) -> Sequence[R]:
        """Put ``trial`` on the rungs up to ``epoch`` on which it does not stand; returns them."""
        height = self._heights.get(trial, 0)
        top = height
        while top < len(self.rungs) and self.rungs[top].epoch <= epoch:
            self.rungs[top].add(loss)
            top += 1
        if top == height:
            return ()
        self._heights[trial] = top
        return self.rungs[height:top]


class Halving(ABC):
    """Stops a trial at a rung that does not promote it. Decided once a rung: a decision taken stands when an
    interrupted trial comes by again.

    Args:
        goal: the objective's better direction.
        epochs: the sweep's epochs.
    """

    def __init__(self, goal: Goal, epochs: int) -> None:
        self._sign = 1.0 if goal == "minimize" else -1.0
        self._epochs = epochs

    @abstractmethod
    def ladder(self, trial: int) -> Ladder[Rung]:
        """The rungs that ``trial`` meets."""

    @abstractmethod
    def stops(self, rung: Rung, loss: float) -> bool:
        """Whether a trial ends on ``rung``, which holds its ``loss`` already."""

    def report(self, trial: int, epoch: int, best: float) -> bool:
        loss = self._sign * best
        met = self.ladder(trial).climb(trial, epoch, loss)
        return any(self.stops(rung, loss) for rung in met)

    def ended(self, record: TrialRecord) -> None:
        if record.state == "COMPLETE" and record.value is not None:
            self.ladder(record.number).climb(record.number, sys.maxsize, self._sign * record.value)

    def replay(self, records: Iterable[TrialRecord]) -> None:
        for record in records:
            self._climb_again(record)
            self.ended(record)

    def _climb_again(self, record: TrialRecord) -> None:
        """As the trial's reports did; of the last epoch nobody was asked."""
        ladder = self.ladder(record.number)
        epochs = sorted(epoch for epoch in record.values if epoch < self._epochs)
        losses = accumulate((self._sign * record.values[epoch] for epoch in epochs), min)
        for epoch, loss in zip(epochs, losses, strict=True):
            ladder.climb(record.number, epoch, loss)
