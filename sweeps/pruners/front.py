"""Asynchronous successive halving for several metrics: who goes on is decided by fronts.

As `Asha`, but for the order on a rung: by front (what nobody on the rung dominates, then what only those
dominate, ...: Deb et al., "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II", 2002), and within
the front at which the places run out by the hypervolume that a trial alone adds to it, as in Beume et al.,
"SMS-EMOA", 2007; of more than three objectives that front goes on whole. Halving by fronts is that of
Schmucker et al., "Multi-objective Asynchronous Successive Halving", 2021.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Sequence

import numpy as np

from sweeps.components import check_least
from sweeps.pruners.rungs import Ladder, check_halving
from sweeps.study.front import Points, contributions, ranks
from sweeps.study.objectives import Losses, Objectives
from sweeps.study.record import TrialRecord

_DIVIDED = 3  # objectives up to which a front is divided by volume: of more it would take seconds
_BEYOND = 0.1  # how far the reference lies beyond the worst of each objective, in shares of its range


class FrontRung:
    """One milestone: the losses of the trials that reached ``epoch``, 8 bytes each."""

    __slots__ = ("_count", "_flat", "epoch")

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self._count = 0
        self._flat = array("d")

    def __len__(self) -> int:
        return self._count

    @property
    def losses(self) -> Points:
        """One row a trial, in the order in which they came."""
        return np.array(self._flat).reshape(self._count, -1)

    def add(self, loss: Losses) -> None:
        self._flat.extend(loss)
        self._count += 1

    def promotes(self, loss: Losses, reduction_factor: int) -> bool:
        """Whether ``loss``, which is here already, is in the best 1/reduction_factor; ties count as being in.

        While fewer than ``reduction_factor`` trials are here there is one place.
        """
        return is_among(np.array(loss), self.losses, max(1, self._count // reduction_factor))


def is_among(point: Points, points: Points, places: int) -> bool:
    """Whether ``point``, one of ``points`` (n x d), is among the best ``places`` of them.

    Of more than three objectives a front is not divided: all of it is.
    """
    beats = (points <= point).all(axis=1) & (points != point).any(axis=1)
    if beats.sum() >= places:  # each of these is on a better front
        return False
    found = ranks(points, places)
    own = found[(points == point).all(axis=1)][0]
    front, better = found == own, int((found < own).sum())
    if better >= places:
        return False
    undivided = better + front.sum() <= places or points.shape[1] > _DIVIDED
    return bool(undivided) or _adds_enough(point, points[front], points, places - better)


def _adds_enough(point: Points, front: Points, points: Points, places: int) -> bool:
    """Whether fewer than ``places`` others of the front add more volume, all measured up to one reference."""
    worst, best = points.max(axis=0), points.min(axis=0)
    reference = worst + _BEYOND * np.where(worst > best, worst - best, 1.0)
    volumes = contributions(front, reference)
    own = volumes[(front == point).all(axis=1)][0]
    return bool((volumes > own).sum() < places)


class FrontAsha:
    """Stops a trial at a rung unless it is among the best there, by fronts. What counts are the objectives
    of its best epoch so far by the leading one.

    A report on a rung of 10,000 trials costs 4 ms for two objectives, and 0.2 s for more; of 1,000 trials
    0.5 and 5 ms.

    Args:
        objectives: what is compared.
        records: the sweep's trials by number, live.
        epochs, min_epochs, reduction_factor, startup_trials: as of `Asha`.

    Raises:
        UsageError: an argument outside its range.
    """

    name = "asha"

    def __init__(
        self,
        *,
        objectives: Objectives,
        records: Sequence[TrialRecord],
        epochs: int,
        min_epochs: int = 1,
        reduction_factor: int = 3,
        startup_trials: int = 0,
    ) -> None:
        check_halving(epochs, reduction_factor, min_epochs=min_epochs)
        check_least(0, startup_trials=startup_trials)
        self._objectives = objectives
        self._records = records
        self._epochs = epochs
        self._reduction_factor = reduction_factor
        self._startup_trials = startup_trials
        self._ladder = Ladder(min_epochs, reduction_factor, epochs, FrontRung)

    def report(self, trial: int, epoch: int, best: float) -> bool:
        losses = self._objectives.losses_until(self._records[trial], epoch)
        return losses is not None and any(
            self._stops(rung, losses) for rung in self._ladder.climb(trial, epoch, losses)
        )

    def _stops(self, rung: FrontRung, losses: Losses) -> bool:
        if len(rung) <= self._startup_trials:
            return False
        return not rung.promotes(losses, self._reduction_factor)

    def ended(self, record: TrialRecord) -> None:
        losses = self._objectives.losses(record) if record.state == "COMPLETE" else None
        if losses is not None:
            self._ladder.climb(record.number, sys.maxsize, losses)

    def replay(self, records: Iterable[TrialRecord]) -> None:
        for record in records:
            for epoch in sorted(epoch for epoch in record.values if epoch < self._epochs):
                losses = self._objectives.losses_until(record, epoch)
                if losses is not None:
                    self._ladder.climb(record.number, epoch, losses)
            self.ended(record)
