"""What an epoch of a configuration takes, learned from trials that have ended."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from sweeps.surrogate.kernel import Array

_SHRINK = 0.3  # epochs' worth of evidence that a feature changes nothing, by which a slope is held back
_LATEST = 500  # trials that are looked at


class _Seen(NamedTuple):
    features: Array
    epochs: int
    seconds: float


class EpochCost:
    """Seconds an epoch by features: their logarithm as a sum of parabolas, one a feature column.

    Time is mostly a product of what batch sizes, widths and depths do to it, each for itself. A ridge
    regression: it costs next to nothing, and depends on the trials alone, not on when it was asked. A trial
    counts by the epochs it was trained, as the time that it takes to start is part of its own.
    """

    def __init__(self) -> None:
        self._seen: dict[int, _Seen] = {}
        self._weights: Array | None = None
        self._between = -math.inf, math.inf
        self._quick = 0.0

    def observe(self, trial: int, features: Array, epochs: int, seconds: float) -> None:
        """A trial has ended. One that took no time, in a simulation, says nothing."""
        if trial not in self._seen and seconds > 0.0 and epochs > 0:
            self._seen[trial] = _Seen(features, epochs, seconds)
            self._weights = None

    def reached(self, features: Array, seconds: float, epochs: int) -> Array:
        """The epoch, from 1 to ``epochs``, that each row of ``features`` comes to in ``seconds``: shape (n,).

        All of them before any trial has ended; and when even quick ones come to less than half of them:
        nothing good will end any more, unless somebody gives the sweep more time.
        """
        all_of_them = np.full(len(features), float(epochs))
        if not self._seen or math.isinf(seconds):
            return all_of_them
        if self._weights is None:
            self._weights = self._learned()
        if seconds < 0.5 * epochs * self._quick:
            return all_of_them
        takes = np.exp(np.clip(_terms(features) @ self._weights, *self._between))
        reached: Array = np.clip(np.floor(seconds / takes), 1.0, epochs)
        return reached

    def _learned(self) -> Array:
        seen = [self._seen[trial] for trial in sorted(self._seen)[-_LATEST:]]
        logs = np.log([trial.seconds / trial.epochs for trial in seen])
        counts = np.sqrt([trial.epochs for trial in seen])
        terms = _terms(np.array([trial.features for trial in seen])) * counts[:, None]
        held = np.full(terms.shape[1], _SHRINK)
        held[0] = 1e-6  # the mean is not
        self._between = float(logs.min()), float(logs.max())  # what was never seen is not believed
        self._quick = math.exp(np.quantile(logs, 0.1))
        weights: Array = np.linalg.solve(terms.T @ terms + np.diag(held), terms.T @ (logs * counts))
        return weights


def _terms(features: Array) -> Array:
    """1, and each feature with its square about the middle of its range."""
    centred = features - 0.5
    return np.column_stack([np.ones(len(features)), centred, centred * centred])
