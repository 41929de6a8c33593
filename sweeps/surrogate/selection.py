"""Which points of the learning curves the model looks at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sweeps.surrogate.curves import Curves
from sweeps.surrogate.kernel import Array

_GOLDEN = (5.0**0.5 - 1.0) / 2.0  # its multiples are spread evenly over the fractions


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

    def of(self, curves: Curves) -> list[tuple[int, int]]:
        """(trial, index into its curve) of each point."""
        if curves.points <= self._most:
            return [(trial, i) for trial, curve in curves.items() for i in range(len(curve.epochs))]
        trials, lengths, losses = curves.ends
        order = _order(trials, lengths, losses)
        points: list[tuple[int, int]] = []
        for taken, trial in enumerate(trials[order].tolist()):
            thinned = [(trial, i) for i in self._thinned(curves[trial].epochs)]
            left = len(order) - taken
            if len(points) + len(thinned) > max(self._most // 2, self._most - left):
                break
            points += thinned
        else:
            return points
        rest = np.sort(order[taken:])
        others = rest[_mixed(trials[rest], losses[rest])][: self._most - len(points)]
        return points + [(trial, len(curves[trial].epochs) - 1) for trial in trials[others].tolist()]

    def _thinned(self, epochs: list[int]) -> list[int]:
        """Indices of the last epoch, and of those some 1/thin, 1/thin**2, ... of it, down to the first."""
        kept = [len(epochs) - 1]
        wanted = epochs[-1] / self._thin
        for i in range(len(epochs) - 2, -1, -1):
            if epochs[i] <= wanted or i == 0:
                kept.append(i)
                wanted = epochs[i] / self._thin
        return kept


def _order(trials: NDArray[np.int_], lengths: NDArray[np.int_], losses: Array) -> NDArray[np.intp]:
    """Longest first; of some length every second one is among the best, and the others are the latest."""
    octaves = -np.floor(np.log2(lengths)).astype(int)
    best, latest = _ranks(np.lexsort((losses, octaves))), _ranks(np.lexsort((-trials, octaves)))
    return np.lexsort((np.minimum(best, latest), octaves))


def _mixed(trials: NDArray[np.int_], losses: Array) -> NDArray[np.intp]:
    """By turns among the best, the latest, and any."""
    ranks = [np.argsort(losses, kind="stable"), np.argsort(-trials), np.argsort(trials * _GOLDEN % 1.0)]
    return np.argsort(np.min([_ranks(rank) for rank in ranks], axis=0), kind="stable")


def _ranks(order: NDArray[np.int_]) -> NDArray[np.int_]:
    """The place of each in ``order``."""
    ranks = np.empty_like(order)
    ranks[order] = np.arange(len(order))
    return ranks
