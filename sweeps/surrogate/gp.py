"""A Gaussian process over configurations and epochs.

With features x and the time t = log(epoch) / log(last epoch), the covariance of two points is

    signal * M(|x - x'| / scales) * (share + (1 - share) * F) + own * [same trial] * F + trend * t * t'

and noise, with F = M(|t - t'| / scale),

where M is the Matern kernel of smoothness 5/2 (Rasmussen and Williams, "Gaussian Processes for Machine
Learning", 2006, eq. 4.17). So a curve has a part of its own that lasts for all its epochs (``share``), one
that changes as it goes on, and falls with the others (``trend``); and what another training of the same
configuration would not repeat, its initial weights and order of batches, is its ``own``. Values are
expected to be centred and of unit scale. The hyperparameters are those of greatest posterior density under
weak priors, by L-BFGS-B with analytic gradients.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_ROOT5 = math.sqrt(5.0)
_JITTER = 1e-8
_NEW = -1  # the number of a trial that is none yet

# log scale in time, logit share, log signal, log own, log noise, log trend: prior mean, deviation, bounds
_TAIL = np.array(
    [
        [math.log(0.6), 0.7, math.log(0.05), math.log(10.0)],
        [0.0, 1.0, -4.0, 4.0],
        [0.0, 0.7, math.log(0.05), math.log(20.0)],
        [math.log(1e-2), 1.3, math.log(1e-5), math.log(1.0)],
        [math.log(1e-2), 1.3, math.log(1e-4), math.log(0.5)],
        [math.log(0.3), 1.0, math.log(1e-3), math.log(10.0)],
    ]
)
_SCALE = np.array([math.log(0.6), 0.9, math.log(0.05), math.log(20.0)])  # of each parameter
_WARP = np.array([0.0, 0.5, -1.5, 1.5])  # log a, log b of each column that is warped
_EDGE = 1e-6  # how near to 0 and 1 a warped feature comes


@dataclass(frozen=True, slots=True)
class Points:
    """``n`` observations: trials' numbers (n,), features (n, columns), times (n,) in [0, 1], values (n,)."""

    trials: NDArray[np.int_]
    features: Array
    times: Array
    values: Array


class CurveGP:
    """Fit, then condition, then predict.

    Args:
        groups: the parameter of each feature column, 0, 1, ...; its columns share a length scale.
    """

    def __init__(self, groups: NDArray[np.int_]) -> None:
        self._groups = groups
        self._scales = int(groups.max()) + 1
        self._warps = np.flatnonzero(np.bincount(groups)[groups] == 1)  # columns of parameters with an order
        table = np.vstack(
            [np.tile(_SCALE, (self._scales, 1)), np.tile(_WARP, (2 * len(self._warps), 1)), _TAIL]
        )
        self._mean, self._deviation = table[:, 0], table[:, 1]
        self._bounds = [(low, high) for low, high in table[:, 2:]]
        self.theta: Array = self._mean.copy()

    def accepts(self, theta: Any) -> bool:
        """Whether this can be the hyperparameters."""
        if not isinstance(theta, list) or len(theta) != len(self._mean):
            return False
        inside = (low <= value <= high for value, (low, high) in zip(theta, self._bounds, strict=True))
        return all(type(value) is float for value in theta) and all(inside)

    def fit(self, points: Points, iterations: int = 15) -> None:
        """Move the hyperparameters, from where they are, towards the greatest posterior density."""
        from scipy.optimize import minimize  # half a second: only for those who ask for it

        objective = _Posterior(points, self._groups, self._warps, self._mean, self._deviation)
        found = minimize(
            objective, self.theta, jac=True, method="L-BFGS-B", bounds=self._bounds,
            options={"maxiter": iterations},
        )  # fmt: skip
        if np.isfinite(found.fun) and found.fun < objective.impossible:
            low, high = np.array(self._bounds).T
            self.theta = np.clip(np.round(found.x, 6), low, high)  # short in the study's records

    def condition(self, points: Points) -> None:
        """Take ``points`` as what is known."""
        from scipy.linalg import cho_solve, cholesky

        self._points = points
        covariance = self._covariance(points, points)
        covariance[np.diag_indices_from(covariance)] += self.noise + _JITTER
        self._factor = cholesky(covariance, lower=True)
        self._weights = cho_solve((self._factor, True), points.values)

    def predict(self, features: Array, time: float) -> tuple[Array, Array]:
        """Mean and standard deviation, without noise, of m new trials, features (m, columns), at ``time``."""
        m = len(features)
        times = np.full(m, time)
        cross = self._covariance(self._points, Points(np.full(m, _NEW), features, times, times))
        reduced = self._reduce(cross)
        prior = self._signal + self._own + self._trend * time * time
        variance = np.maximum(prior - (reduced * reduced).sum(axis=0), 1e-10)
        return cross.T @ self._weights, np.sqrt(variance)

    def predict_after(self, points: Points) -> tuple[float, float]:
        """Mean and standard deviation of a trial at the last of ``points``, all of them its own, if the
        others were known besides; the last one's value is not looked at. Costs O(m n^2), as nothing is
        factorised anew.
        """
        cross = self._covariance(self._points, points)
        reduced = self._reduce(cross)
        mean = cross.T @ self._weights
        covariance = self._covariance(points, points) - reduced.T @ reduced
        known = covariance[:-1, :-1] + (self.noise + _JITTER) * np.eye(len(mean) - 1)
        gain = np.linalg.solve(known, covariance[:-1, -1])
        variance = covariance[-1, -1] - gain @ covariance[:-1, -1]
        off = points.values[:-1] - mean[:-1]
        return float(mean[-1] + gain @ off), math.sqrt(max(float(variance), 1e-10))

    def correlation(self, features: Array, others: Array) -> Array:
        """How alike configurations are to the model, from 0 to 1: shape (n, m)."""
        return _matern(_distances(self._scaled(features), self._scaled(others)))

    def _covariance(self, points: Points, others: Points) -> Array:
        """Without noise, shape (n, m)."""
        fading = _matern(np.abs(points.times[:, None] - others.times) / math.exp(self.theta[-6]))
        alike = self.correlation(points.features, others.features)
        same = points.trials[:, None] == others.trials
        lasting = self._share + (1.0 - self._share) * fading
        falling = self._trend * points.times[:, None] * others.times
        together: Array = self._signal * alike * lasting + self._own * same * fading + falling
        return together

    @property
    def noise(self) -> float:
        """The variance that no point shares with another."""
        return math.exp(self.theta[-2])

    def _scaled(self, features: Array) -> Array:
        warped = _warp(features, self._warps, self.theta[self._scales : -6])[0]
        scaled: Array = warped / np.exp(self.theta[: self._scales])[self._groups]
        return scaled

    @property
    def _share(self) -> float:
        return 1.0 / (1.0 + math.exp(-self.theta[-5]))

    @property
    def _signal(self) -> float:
        return math.exp(self.theta[-4])

    @property
    def _own(self) -> float:
        return math.exp(self.theta[-3])

    @property
    def _trend(self) -> float:
        return math.exp(self.theta[-1])

    def _reduce(self, cross: Array) -> Array:
        from scipy.linalg import solve_triangular

        reduced: Array = solve_triangular(self._factor, cross, lower=True, check_finite=False)
        return reduced


class _Posterior:
    """The negative log posterior density of the hyperparameters, and its gradient."""

    impossible = 1e10

    def __init__(
        self,
        points: Points,
        groups: NDArray[np.int_],
        warps: NDArray[np.int_],
        mean: Array,
        deviation: Array,
    ) -> None:
        self._y = points.values
        self._mean, self._deviation = mean, deviation
        self._features, self._groups, self._warps = points.features, groups, warps
        self._scales = int(groups.max()) + 1
        self._apart = np.abs(points.times[:, None] - points.times)
        self._times = points.times[:, None] * points.times
        self._same = points.trials[:, None] == points.trials

    def __call__(self, theta: Array) -> tuple[float, Array]:
        from scipy.linalg import cho_solve, cholesky

        inverse2 = np.exp(-2.0 * theta[: self._scales])
        warped, by_a, by_b = _warp(self._features, self._warps, theta[self._scales : -6])
        squares = np.stack([_squares(warped[:, self._groups == g]) for g in range(self._scales)])
        distance2 = np.tensordot(inverse2, squares, 1)
        distance = np.sqrt(distance2)
        decay = np.exp(-_ROOT5 * distance)
        alike = (1.0 + _ROOT5 * distance + 5.0 / 3.0 * distance2) * decay
        steps = self._apart / math.exp(theta[-6])
        fading = _matern(steps)
        share = 1.0 / (1.0 + math.exp(-theta[-5]))
        signal, own, noise, trend = np.exp(theta[-4:])
        lasting = share + (1.0 - share) * fading
        covariance = signal * alike * lasting + own * self._same * fading + trend * self._times
        covariance[np.diag_indices_from(covariance)] += noise + _JITTER
        try:
            factor = cholesky(covariance, lower=True, check_finite=False)
        except np.linalg.LinAlgError:
            return self.impossible, np.zeros_like(theta)
        weights = cho_solve((factor, True), self._y)
        inverse = cho_solve((factor, True), np.eye(len(self._y)))
        off = (theta - self._mean) / self._deviation
        value = 0.5 * self._y @ weights + np.log(np.diag(factor)).sum() + 0.5 * off @ off
        pull = 0.5 * (inverse - np.outer(weights, weights))  # d value / d covariance
        radial = pull * (signal * lasting * (5.0 / 3.0) * (1.0 + _ROOT5 * distance) * decay)
        in_time = (5.0 / 3.0) * (1.0 + _ROOT5 * steps) * np.exp(-_ROOT5 * steps) * steps * steps
        gradient = np.concatenate(
            [
                np.tensordot(squares, radial, ([1, 2], [0, 1])) * inverse2,
                self._along(warped, by_a, radial, inverse2),
                self._along(warped, by_b, radial, inverse2),
                [
                    (pull * (signal * alike * (1.0 - share) + own * self._same) * in_time).sum(),
                    (pull * signal * alike * (1.0 - fading)).sum() * share * (1.0 - share),
                    (pull * signal * alike * lasting).sum(),
                    (pull * own * self._same * fading).sum(),
                    noise * np.trace(pull),
                    trend * (pull * self._times).sum(),
                ],
            ]
        )
        return float(value), gradient + off / self._deviation

    def _along(self, warped: Array, slopes: Array, radial: Array, inverse2: Array) -> Array:
        """d value / d a parameter of each warp, ``slopes`` (n, warps) being what it does to the features."""
        w = warped[:, self._warps]
        total = ((w * slopes) * radial.sum(axis=1)[:, None]).sum(axis=0) - (w * (radial @ slopes)).sum(axis=0)
        along: Array = -2.0 * inverse2[self._groups[self._warps]] * total
        return along


def _warp(features: Array, columns: NDArray[np.int_], theta: Array) -> tuple[Array, Array, Array]:
    """Features with ``columns`` bent by w(u) = 1 - (1 - u^a)^b, and dw/dlog a, dw/dlog b, (n, columns), of
    those.

    Snoek et al., "Input Warping for Bayesian Optimization of Non-Stationary Functions", 2014, with the
    distribution of Kumaraswamy.
    """
    a, b = np.exp(theta[: len(columns)]), np.exp(theta[len(columns) :])
    u = np.clip(features[:, columns], _EDGE, 1.0 - _EDGE)
    power = u**a
    rest = 1.0 - power
    bent = 1.0 - rest**b
    warped = features.copy()
    warped[:, columns] = bent
    by_a = b * rest ** (b - 1.0) * power * np.log(u) * a
    by_b = -(rest**b) * np.log(rest) * b
    return warped, by_a, by_b


def _matern(distance: Array) -> Array:
    scaled = _ROOT5 * distance
    alike: Array = (1.0 + scaled + scaled * scaled / 3.0) * np.exp(-scaled)
    return alike


def _squares(columns: Array) -> Array:
    difference = columns[:, None, :] - columns[None, :, :]
    squares: Array = (difference * difference).sum(axis=2)
    return squares


def _distances(a: Array, b: Array) -> Array:
    squares = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1) - 2.0 * a @ b.T
    distances: Array = np.sqrt(np.maximum(squares, 0.0))
    return distances
