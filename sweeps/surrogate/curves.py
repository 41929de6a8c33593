"""The learning curves that the model has seen, as losses (lower is better) of the best epoch so far.

A curve that only falls is smoother than the one reported, and its last point is what a trial is judged by.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sweeps.surrogate.kernel import Array

_LARGEST = 1e100


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
        """Take in objectives by epoch: see `Curves.read`."""
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


class Ends(NamedTuple):
    """How far each of n curves has come: arrays of shape (n,)."""

    trials: NDArray[np.int_]
    epochs: NDArray[np.int_]  # its last one
    losses: Array  # the best until then

    def rows(self, number: int) -> Ends:
        """The first ``number`` rows; what there is no row for yet is to be written."""
        trials, epochs, losses = self
        if number <= len(trials):
            return Ends(trials[:number], epochs[:number], losses[:number])
        return Ends(np.resize(trials, number), np.resize(epochs, number), np.resize(losses, number))


class Curves(Mapping[int, Curve]):
    """Curves by their trials' numbers, in the order of their first reports.

    Their ends are kept as columns besides: all of them are looked at for each proposal, and there may be
    10,000.

    Attributes:
        points: how many reports all curves have together.
    """

    def __init__(self) -> None:
        self.points = 0
        self._curves: dict[int, Curve] = {}
        self._rows: dict[int, int] = {}
        self._columns = Ends(np.empty(64, int), np.empty(64, int), np.empty(64))

    def __getitem__(self, trial: int) -> Curve:
        return self._curves[trial]

    def __iter__(self) -> Iterator[int]:
        return iter(self._curves)

    def __len__(self) -> int:
        return len(self._curves)

    def read(self, trial: int, features: Array, values: Mapping[int, float], sign: float) -> None:
        """Take in a trial's objectives by epoch, at least one; ``sign`` is -1 where greater is better."""
        curve = self._curves.get(trial) or Curve(features)
        self.points -= len(curve.epochs)
        curve.read(values, sign)
        self._put(trial, curve)

    def _put(self, trial: int, curve: Curve) -> None:
        row = self._rows.setdefault(trial, len(self._rows))
        if row == len(self._columns.trials):
            self._columns = self._columns.rows(2 * row)
        self._columns.trials[row] = trial
        self._columns.epochs[row] = curve.epochs[-1]
        self._columns.losses[row] = curve.losses[-1]
        self._curves[trial] = curve
        self.points += len(curve.epochs)

    @property
    def ends(self) -> Ends:
        """In the same order."""
        return self._columns.rows(len(self))

    def until(self, number: int) -> Curves:
        """Those of trials below ``number``."""
        found = Curves()
        for trial, curve in self._curves.items():
            if trial < number:
                found._put(trial, curve)
        return found
