"""A Gaussian process over configurations and epochs: fit, then condition, then predict.

Its covariance is that of kernel.py, and noise. Values are expected to be centred and of unit scale. The
hyperparameters are those of greatest posterior density under weak priors, by L-BFGS-B.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweeps.surrogate.kernel import TREND, Array, Layout, along_trends, distances, in_time, matern, warp
from sweeps.surrogate.points import Points
from sweeps.surrogate.posterior import JITTER, Posterior

_NEW = -1  # the number of a trial that is none yet


class CurveGP:
    """What is known, and what follows from it.

    Args:
        groups: the parameter of each feature column, 0, 1, ...; its columns share a length scale.
    """

    def __init__(self, groups: NDArray[np.int_]) -> None:
        self.layout = Layout(groups)
        self.theta: Array = self.layout.mean.copy()

    def accepts(self, theta: Any) -> bool:
        """Whether this can be the hyperparameters."""
        layout = self.layout
        if not isinstance(theta, list) or len(theta) != len(layout.mean):
            return False
        inside = (
            low <= value <= high for value, low, high in zip(theta, layout.low, layout.high, strict=True)
        )
        return all(type(value) is float for value in theta) and all(inside)

    def fit(self, points: Points, iterations: int = 15) -> None:
        """Move the hyperparameters, from where they are, towards the greatest posterior density."""
        from scipy.optimize import Bounds, minimize  # half a second: only for those who ask for it

        layout = self.layout
        found = minimize(
            Posterior(points, layout), self.theta, jac=True, method="L-BFGS-B",
            bounds=Bounds(layout.low, layout.high), options={"maxiter": iterations},
        )  # fmt: skip
        if np.isfinite(found.fun) and found.fun < Posterior.impossible:
            short = np.round(found.x, 6)  # in the study's records
            self.theta = np.clip(short, layout.low, layout.high)

    def condition(self, points: Points) -> None:
        """Take ``points`` as what is known."""
        from scipy.linalg import cho_solve, cholesky

        self._points, self._known = points, self._scaled(points.features)
        covariance = self._covariance(points, points, matern(distances(self._known, self._known)))
        covariance[np.diag_indices_from(covariance)] += self.noise + JITTER
        self._factor = cholesky(covariance, lower=True)
        self._weights = cho_solve((self._factor, True), points.values - points.expected)

    def predict(self, features: Array, times: Array, trends: Array | None = None) -> tuple[Array, Array]:
        """Mean and standard deviation, without noise, of m new trials, features (m, columns), at ``times``
        (m,); ``trends`` as in `Points`.
        """
        new = Points(np.full(len(times), _NEW), features, times, times, trends)
        cross = self._covariance(self._points, new, self._likeness(features))
        reduced = self._reduce(cross)
        apart, at = np.unique(times, return_inverse=True)
        prior = self._in_time(apart).sum(axis=0).diagonal()[at]
        if trends is not None:
            prior = prior + TREND * (trends * trends).sum(axis=1)
        variance = np.maximum(prior - (reduced * reduced).sum(axis=0), 1e-10)
        return new.expected + cross.T @ self._weights, np.sqrt(variance)

    def predict_after(self, points: Points) -> tuple[float, float]:
        """Mean and standard deviation of a trial at the last of ``points``, all of them its own, if the
        others were known besides; the last one's value is not looked at. Costs O(m n^2), as nothing is
        factorised anew.
        """
        cross = self._covariance(self._points, points, self._likeness(points.features))
        reduced = self._reduce(cross)
        mean = points.expected + cross.T @ self._weights
        itself = np.ones((len(mean), len(mean)))
        covariance = self._covariance(points, points, itself) - reduced.T @ reduced
        known = covariance[:-1, :-1] + (self.noise + JITTER) * np.eye(len(mean) - 1)
        gain = np.linalg.solve(known, covariance[:-1, -1])
        variance = covariance[-1, -1] - gain @ covariance[:-1, -1]
        off = points.values[:-1] - mean[:-1]
        return float(mean[-1] + gain @ off), math.sqrt(max(float(variance), 1e-10))

    def correlation(self, features: Array, others: Array) -> Array:
        """How alike configurations are to the model, from 0 to 1: shape (n, m)."""
        return matern(distances(self._scaled(features), self._scaled(others)))

    def _likeness(self, features: Array) -> Array:
        """The `correlation` of the n points that are known with m others: (n, m)."""
        return matern(distances(self._known, self._scaled(features)))

    def _covariance(self, points: Points, others: Points, alike: Array) -> Array:
        """Without noise, shape (n, m); ``alike`` is the `correlation` of their configurations."""
        times, at = np.unique(np.concatenate([points.times, others.times]), return_inverse=True)
        rows, columns = at[: len(points.times)], at[len(points.times) :]
        if (columns == columns[0]).all():
            columns = columns[:1]  # broadcast
        shared, own, common = self._in_time(times)[:, :, columns]
        together: Array = alike * shared[rows]
        same = points.trials[:, None] == others.trials
        if same.any():
            together += same * own[rows]
        together += common[rows]
        if points.trends is not None and others.trends is not None:
            together += along_trends(points.trends, others.trends)
        return together

    def shared(self, features: Array, times: Array) -> Array:
        """The mean of n new trials, features (n, columns), at ``times`` (n,), less what is common to all."""
        known = self._points
        apart, at = np.unique(np.concatenate([known.times, times]), return_inverse=True)
        shared = self._in_time(apart)[0][at[: len(known.times), None], at[len(known.times) :]]
        mean: Array = (self._likeness(features) * shared).T @ self._weights
        return mean

    @property
    def noise(self) -> float:
        """The variance that no point shares with another."""
        return math.exp(self.layout.parts(self.theta).noise)

    @property
    def luck(self) -> float:
        """The variance of what another training of the same configuration would not repeat at its end."""
        _, own, _ = self._in_time(np.ones(1))
        return self.noise + float(own[0, 0])

    def _in_time(self, times: Array) -> Array:
        return in_time(self.layout.parts(self.theta).in_time, times)

    def _scaled(self, features: Array) -> Array:
        parts = self.layout.parts(self.theta)
        warped = warp(features, self.layout.warped, parts.warps)[0]
        scaled: Array = warped / np.exp(parts.scales)[self.layout.groups]
        return scaled

    def _reduce(self, cross: Array) -> Array:
        from scipy.linalg import solve_triangular

        reduced: Array = solve_triangular(self._factor, cross, lower=True, check_finite=False)
        return reduced
