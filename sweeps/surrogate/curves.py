"""The learning curves that the model has seen, as losses (lower is better) of the best epoch so far.

A curve that only falls is smoother than the one reported, and its last point is what a trial is judged by.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sweeps.surrogate.kernel import Array


@dataclass(slots=True)
class Curve:
    """One trial's: ``reported[i]`` was the loss of ``epochs[i]``, ``losses[i]`` is the best up to it, bounded
    so that losses can be added up and squared.
    """

    features: Array
    epochs: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    reported: list[float] = field(default_factory=list)

    def read(self, values: Mapping[int, float], sign: float) -> None:
        """Take in objectives by epoch, at least one; ``sign`` is -1 where greater is better."""
        latest = list(values)[-1]
        grown = len(values) - len(self.epochs)
        if grown == 1 and (not self.epochs or latest > self.epochs[-1]):
            self._append(latest, sign * values[latest])
        elif grown or any(
            sign * values.get(epoch, math.nan) != loss
            for epoch, loss in zip(self.epochs, self.reported, strict=True)
        ):
            self.epochs, self.losses, self.reported = [], [], []
            for epoch in sorted(values):
                self._append(epoch, sign * values[epoch])

    def _append(self, epoch: int, loss: float) -> None:
        self.epochs.append(epoch)
        self.reported.append(loss)
        bounded = max(-_LARGEST, min(loss, _LARGEST))
        self.losses.append(min(bounded, self.losses[-1]) if self.losses else bounded)


class Selection:
    """Which points of which curves the model looks at: all of them, or as many as it can afford.

    When they become too many, curves are thinned to epochs that lie ``thin`` times apart. When that is not
    enough, half of the points are of the longest curves, which say most of how training ends, and of the
    others each has its last: where nothing is known the model expects wonders, so it must be told of what
    was given up early.
    """

    def __init__(self, most: int, thin: float = 2.2) -> None:
        self._most = most
        self._thin = thin

    def of(self, curves: Mapping[int, Curve]) -> list[tuple[int, int]]:
        """(trial, index into its curve) of each point."""
        if sum(len(curve.epochs) for curve in curves.values()) <= self._most:
            return [(trial, i) for trial, curve in curves.items() for i in range(len(curve.epochs))]
        trials = np.array([trial for trial, curve in curves.items() if curve.epochs])
        lengths = np.array([curves[trial].epochs[-1] for trial in trials])
        losses = np.array([curves[trial].losses[-1] for trial in trials])
        order = _order(trials, lengths, losses)
        points: list[tuple[int, int]] = []
        for taken, trial in enumerate(order):
            thinned = [(trial, i) for i in self._thinned(curves[trial].epochs)]
            left = len(order) - taken
            if len(points) + len(thinned) > max(self._most // 2, self._most - left):
                break
            points += thinned
        else:
            return points
        rest = np.isin(trials, order[taken:])
        others = _mixed(trials[rest], losses[rest])[: self._most - len(points)]
        return points + [(trial, len(curves[trial].epochs) - 1) for trial in others]

    def _thinned(self, epochs: list[int]) -> list[int]:
        """Indices of the last epoch, and of those some 1/thin, 1/thin**2, ... of it, down to the first."""
        kept = [len(epochs) - 1]
        wanted = epochs[-1] / self._thin
        for i in range(len(epochs) - 2, -1, -1):
            if epochs[i] <= wanted or i == 0:
                kept.append(i)
                wanted = epochs[i] / self._thin
        return kept


def _order(trials: NDArray[np.int_], lengths: NDArray[np.int_], losses: Array) -> list[int]:
    """Longest first; of some length every second one is among the best, and the others are the latest."""
    octaves = -np.floor(np.log2(lengths)).astype(int)
    best, latest = _ranks(np.lexsort((losses, octaves))), _ranks(np.lexsort((-trials, octaves)))
    return [int(trial) for trial in trials[np.lexsort((np.minimum(best, latest), octaves))]]


def _mixed(trials: NDArray[np.int_], losses: Array) -> list[int]:
    """By turns among the best, the latest, and any."""
    ranks = [np.argsort(losses, kind="stable"), np.argsort(-trials), np.argsort(trials * _GOLDEN % 1.0)]
    order = np.argsort(np.min([_ranks(rank) for rank in ranks], axis=0), kind="stable")
    return [int(trial) for trial in trials[order]]


def _ranks(order: NDArray[np.int_]) -> NDArray[np.int_]:
    """The place of each in ``order``."""
    ranks = np.empty_like(order)
    ranks[order] = np.arange(len(order))
    return ranks


_GOLDEN = (5.0**0.5 - 1.0) / 2.0  # its multiples are spread evenly over the fractions


@dataclass(frozen=True, slots=True)
class Scaling:
    """How a loss becomes what the model works with: of unit scale among the better half, and bounded above.

    The logarithm where all losses are positive, since training divides a loss rather than subtracting from
    it, of the loss and a part of the median: those that all but vanish would lie too far apart from the rest
    for one smooth function. An accuracy in [0, 1] counts as its error. A diverged run is ``clip`` units worse
    than the median and no more, whatever its loss.
    """

    offset: float
    log: bool
    middle: float
    unit: float
    shift: float
    clip: float

    @classmethod
    def of(cls, losses: Array, clip: float) -> Scaling:
        """The scaling that suits ``losses``, shape (n,), n > 0."""
        share = bool((losses >= -1.0).all() and (losses <= 0.0).all() and (losses < 0.0).any())
        offset = 1.0 + _ERROR if share else 0.0
        log = bool((losses + offset > 0.0).all())
        if log:
            offset += _SOFT * float(np.median(losses + offset))
        places = np.log(losses + offset) if log else losses
        middle = float(np.median(places))
        spread = float(np.std(np.minimum(places, middle)))
        unit = spread if spread > 0.0 and math.isfinite(spread) else 1.0
        shift = float(np.minimum((places - middle) / unit, clip).mean())
        return cls(offset, log, middle, unit, shift, clip)

    def covers(self, loss: float) -> bool:
        """Whether ``loss`` has a place of its own: a logarithm has none for what was thought impossible."""
        return not self.log or loss + self.offset > 0.0

    def apply(self, losses: Array) -> Array:
        """``losses``, shape (n,), in units of the model."""
        places = losses + self.offset
        if self.log:
            places = np.log(np.maximum(places, np.finfo(float).tiny))
        scaled: Array = np.minimum((places - self.middle) / self.unit, self.clip) - self.shift
        return scaled


_LARGEST = 1e100
_SOFT = 0.3  # the part of the median
_ERROR = 1e-3  # what is added to an error rate, so that none is 0
