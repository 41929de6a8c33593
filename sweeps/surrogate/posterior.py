"""How well hyperparameters explain what was seen."""

from __future__ import annotations

import math

import numpy as np

from sweeps.surrogate.kernel import ROOT5, Array, Layout, along_trends, in_time, slopes, warp
from sweeps.surrogate.points import Points

JITTER = 1e-8


class Posterior:
    """The negative log posterior density of the hyperparameters, and its gradient.

    Points are kept in the order of their times, which are few: what depends on time only is computed once a
    pair of different times, and gathered.
    """

    impossible = 1e10

    def __init__(self, points: Points, layout: Layout) -> None:
        order = np.argsort(points.times, kind="stable")
        self._layout = layout
        self._y, self._features = (points.values - points.expected)[order], points.features[order]
        self._times, self._starts, self._at = np.unique(
            points.times[order], return_index=True, return_inverse=True
        )
        trials = points.trials[order]
        self._same = (trials[:, None] == trials).astype(float)
        self._all = np.ones_like(self._same)
        trends = None if points.trends is None else points.trends[order]
        self._along_trends = None if trends is None else along_trends(trends, trends)

    def __call__(self, theta: Array) -> tuple[float, Array]:
        from scipy.linalg import cho_solve, cholesky

        layout, parts = self._layout, self._layout.parts(theta)
        inverse2 = np.exp(-2.0 * parts.scales)
        warped, by_a, by_b = warp(self._features, layout.warped, parts.warps)
        squares = np.stack([_squares(warped[:, layout.groups == group]) for group in range(layout.scales)])
        distance2 = np.tensordot(inverse2, squares, 1)
        distance = np.sqrt(distance2)
        decay = np.exp(-ROOT5 * distance)
        alike = (1.0 + ROOT5 * distance + 5.0 / 3.0 * distance2) * decay
        shared, own, common = in_time(parts.in_time, self._times)[:, self._at[:, None], self._at]
        covariance = alike * shared + self._same * own + common
        if self._along_trends is not None:
            covariance += self._along_trends
        covariance[np.diag_indices_from(covariance)] += math.exp(parts.noise) + JITTER
        try:
            factor = cholesky(covariance, lower=True, check_finite=False)
        except np.linalg.LinAlgError:
            return self.impossible, np.zeros_like(theta)
        weights = cho_solve((factor, True), self._y)
        inverse = cho_solve((factor, True), np.eye(len(self._y)))
        off = (theta - layout.mean) / layout.deviation
        value = 0.5 * self._y @ weights + np.log(np.diag(factor)).sum() + 0.5 * off @ off
        pull = 0.5 * (inverse - np.outer(weights, weights))  # d value / d covariance
        radial = pull * (shared * (5.0 / 3.0) * (1.0 + ROOT5 * distance) * decay)
        pulls = np.stack([self._by_time(pull * part) for part in (alike, self._same, self._all)])
        gradient = np.concatenate(
            [
                np.tensordot(squares, radial, ([1, 2], [0, 1])) * inverse2,
                self._along(warped, by_a, radial, inverse2),
                self._along(warped, by_b, radial, inverse2),
                [math.exp(parts.noise) * np.trace(pull)],
                np.tensordot(slopes(parts.in_time, self._times), pulls, 3),
            ]
        )
        return float(value), gradient + off / layout.deviation

    def _by_time(self, pull: Array) -> Array:
        """Summed over the points of equal times, shape (times, times)."""
        summed: Array = np.add.reduceat(np.add.reduceat(pull, self._starts, 0), self._starts, 1)
        return summed

    def _along(self, warped: Array, by: Array, radial: Array, inverse2: Array) -> Array:
        """d value / d a parameter of each warp, ``by`` (n, warps) being what it does to the features."""
        columns = self._layout.warped
        w = warped[:, columns]
        total = ((w * by) * radial.sum(axis=1)[:, None]).sum(axis=0) - (w * (radial @ by)).sum(axis=0)
        along: Array = -2.0 * inverse2[self._layout.groups[columns]] * total
        return along


def _squares(columns: Array) -> Array:
    difference = columns[:, None, :] - columns[None, :, :]
    squares: Array = (difference * difference).sum(axis=2)
    return squares
