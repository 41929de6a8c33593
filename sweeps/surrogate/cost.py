"""What training a configuration takes, learned from trials that have ended."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sweeps.surrogate.kernel import Array

_SHRINK = 0.03  # trials' worth of evidence that a feature changes nothing, by which a slope is held back
_LATEST = 500  # trials that are looked at
_STARTS = 1.0 - np.geomspace(1.0, 1e-3, 24)  # what starting may take, in that of the shortest trial


class _Seen(NamedTuple):
    features: Array
    epochs: int
    seconds: float


class _Learned(NamedTuple):
    """A trial takes ``start`` seconds, and each epoch exp(terms @ weights), ``between`` what was seen."""

    start: float
    weights: Array
    between: tuple[float, float]

    def epoch(self, terms: Array) -> Array:
        """Seconds of an epoch, shape (n,)."""
        seconds: Array = np.exp(np.clip(terms @ self.weights, *self.between))
        return seconds


class TrainingCost:
    """The seconds that trials take to start, and those of an epoch by features: their logarithm as a sum of
    parabolas, one a feature column.

    Time is mostly a product of what batch sizes, widths and depths do to it, each for itself. A ridge
    regression: it costs next to nothing, and depends on the trials alone, not on when it was asked.

    Args:
        epochs: a full training.
    """

    def __init__(self, epochs: int) -> None:
        self._epochs = epochs
        self._seen: dict[int, _Seen] = {}
        self._known: tuple[_Learned, float] | None = None

    def observe(self, trial: int, features: Array, epochs: int, seconds: float) -> None:
        """A trial has ended after ``epochs`` epochs, all of them trained in these ``seconds``."""
        if trial not in self._seen and epochs > 0:
            self._seen[trial] = _Seen(features, epochs, seconds)
            self._known = None

    def log_full(self, features: Array) -> Array:
        """The logarithm of the seconds of a full training, shape (n,); 0 before any trial has ended."""
        if not self._seen:
            return np.zeros(len(features))
        learned, _ = self._learned()
        seconds: Array = np.log(learned.start + self._epochs * learned.epoch(_terms(features)))
        return seconds

    def reached(self, features: Array, seconds: float) -> Array:
        """The epoch, a real number from 1 to the last, that each row of ``features`` comes to in ``seconds``:
        shape (n,).

        The last one before any trial has ended; and when even quick ones do not come to half of it: nothing
        good will end any more, unless somebody gives the sweep more time.
        """
        ends = np.full(len(features), float(self._epochs))
        if not self._seen or np.isinf(seconds):
            return ends
        learned, quick = self._learned()
        if seconds < 0.5 * quick:
            return ends
        reached: Array = np.clip((seconds - learned.start) / learned.epoch(_terms(features)), 1.0, ends)
        return reached

    def _learned(self) -> tuple[_Learned, float]:
        """What is known, and the seconds of a full training that a tenth of the trials would not take."""
        if self._known is None:
            seen = [self._seen[trial] for trial in sorted(self._seen)[-_LATEST:]]
            terms = _terms(np.array([trial.features for trial in seen]))
            learned = _learn(terms, seen)
            full = learned.start + self._epochs * learned.epoch(terms)
            self._known = learned, float(np.quantile(full, 0.1))
        return self._known


def _learn(terms: Array, seen: list[_Seen]) -> _Learned:
    """With the start under which the trials' seconds are explained best, as shares of them."""
    seconds, epochs = np.array([trial.seconds for trial in seen]), np.array([trial.epochs for trial in seen])
    held = np.full(terms.shape[1], _SHRINK)
    held[0] = 1e-6  # the mean is not
    solve = np.linalg.solve(terms.T @ terms + np.diag(held), terms.T)
    found = []
    for start in _STARTS * seconds.min():
        logs = np.log((seconds - start) / epochs)
        learned = _Learned(start, solve @ logs, (logs.min(), logs.max()))
        off = (learned.start + epochs * learned.epoch(terms)) / seconds - 1.0
        found.append((float(off @ off), learned))
    return min(found, key=lambda pair: pair[0])[1]


def _terms(features: Array) -> Array:
    """1, and each feature with its square about the middle of its range."""
    centred = features - 0.5
    return np.column_stack([np.ones(len(features)), centred, centred * centred])
