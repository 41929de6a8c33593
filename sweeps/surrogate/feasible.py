"""Where configurations can be trained, learned from those that failed for good."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import numpy as np
from numpy.typing import NDArray

from sweeps.surrogate.gp import CurveGP
from sweeps.surrogate.kernel import Array
from sweeps.surrogate.points import Points

_LABELLED = 125  # trials of either kind that are looked at, the latest
_HOPE = 0.5  # the label where nothing was tried
_GROWTH = 1.2  # the likeness is learned again when so many times as many labels are known


class Feasible:
    """A Gaussian process over the labels 1 (can be trained) and -1, with a likeness of its own: what decides
    whether a model fits into memory, or diverges, need not be what decides its loss.

    Its hyperparameters follow from the labels alone, not from when it was asked: a resumed sweep goes on with
    the same.

    Args:
        groups: the parameter of each feature column, 0, 1, ...
    """

    def __init__(self, groups: NDArray[np.int_]) -> None:
        self._groups = groups
        self._gp = CurveGP(groups)
        self._fitted: tuple[int, ...] = ()

    def log_probability(self, trials: Mapping[int, Array], failed: Collection[int], features: Array) -> Array:
        """The logarithm of the probability that each of n rows of features does not fail for good: (n,).

        Where many have failed it is sure, so that no hope of a gain outweighs it.

        Args:
            trials: features, by number, of the trials whose label is known.
            failed: those with the label -1, at least one.
        """
        from scipy.special import log_ndtr

        numbers = sorted(trials)
        first = tuple(_latest(numbers[: _round_number(len(numbers))], failed))
        if first != self._fitted:
            self._gp = CurveGP(self._groups)
            self._gp.fit(_labels(first, trials, failed))
            self._fitted = first
        self._gp.condition(_labels(_latest(numbers, failed), trials, failed))
        mean, deviation = self._gp.predict(features, np.ones(len(features)))
        probability: Array = log_ndtr((_HOPE + mean) / np.hypot(deviation, math.sqrt(self._gp.noise)))
        return probability


def _round_number(labels: int) -> int:
    """The greatest power of ``_GROWTH``, rounded up, that is no more than ``labels``."""
    power = 1.0
    while math.ceil(power * _GROWTH) <= labels:
        power *= _GROWTH
    return math.ceil(power)


def _latest(numbers: list[int], failed: Collection[int]) -> list[int]:
    bad = [number for number in numbers if number in failed]
    fine = [number for number in numbers if number not in failed]
    return sorted(bad[-_LABELLED:] + fine[-_LABELLED:])


def _labels(numbers: Collection[int], trials: Mapping[int, Array], failed: Collection[int]) -> Points:
    labels = np.array([-1.0 if number in failed else 1.0 for number in numbers])
    features = np.array([trials[number] for number in numbers])
    return Points(np.array(numbers), features, np.ones(len(labels)), labels - _HOPE)
