"""The covariance of points of learning curves, and its hyperparameters.

With features x and the time t = log(epoch) / log(last epoch), the covariance of two points is

    M(|x - x'| / scales) * shared(t, t') + [same trial] * own(t, t') + common(t, t')

where M is the Matern kernel of smoothness 5/2 (Rasmussen and Williams, "Gaussian Processes for Machine
Learning", 2006, eq. 4.17). What configurations that are alike have in common, ``shared``, has a part that
lasts, a straight line over time between a start and an end of their own, and a part that changes as training
goes on. Start and end may be contrary, so that curves cross: what looks well at first may be known to end
badly. What another training of the same configuration would not repeat, its initial weights and the order of
its batches, is a curve's ``own``; all curves fall together by ``common``.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

ROOT5 = math.sqrt(5.0)
TREND = 1.0  # the variance of the weight that an earlier sweep has in this one
_EXPECTED = 0.5  # the mean of all weights together: who names a sweep expects it to help

# Of each hyperparameter: prior mean, deviation, bounds. The means are those with which the model best foresaw
# which running trials of recorded searches would beat all others in the end: by the logarithm of its chances.
# Bound and deviation of scales and warps keep it from being sure of what it has not seen: a few points are
# explained as well by a parameter that hardly matters, or hardly towards one end of its range.
_SCALE = np.array([math.log(0.6), 0.9, math.log(0.05), math.log(2.0)])  # log length scale of a parameter
_FEW = 4  # parameters: of more many do not matter, and the bound grows with the space's diagonal
_WARP = np.array([0.0, 0.2, -1.5, 1.5])  # log a, log b of each column that is warped
_NOISE = np.array([math.log(1e-2), 1.3, math.log(1e-4), math.log(0.5)])  # log variance
_IN_TIME = np.array(
    [
        [math.log(0.6), 0.7, math.log(0.05), math.log(10.0)],  # log scale in time
        [2.0, 1.0, -4.0, 4.0],  # logit of the share that lasts
        [math.log(3.0), 1.0, math.log(0.05), math.log(20.0)],  # log signal
        [math.log(0.05), 1.3, math.log(1e-5), math.log(1.0)],  # log own
        [math.log(0.3), 1.0, math.log(1e-3), math.log(10.0)],  # log common
        [-0.4, 0.5, -2.0, 2.0],  # log size of the start, the end being 1
        [0.4, 0.7, -2.0, 3.0],  # atanh of the correlation of start and end
        [0.0, 0.5, -1.0, 2.5],  # log bend: the line is straight over t**bend
    ]
)
_EDGE = 1e-6  # how near to 0 and 1 a warped feature comes
_STEP = 1e-4  # of the differences that stand for derivatives


class Parts(NamedTuple):
    """A vector of hyperparameters: log scales, log a and log b of the warps, log noise, and the rest."""

    scales: Array
    warps: Array
    noise: float
    in_time: Array


class Layout:
    """Where hyperparameters stand, and what is thought of them before anything is seen.

    Args:
        groups: the parameter of each feature column, 0, 1, ...; its columns share a length scale.
    """

    def __init__(self, groups: NDArray[np.int_]) -> None:
        self.groups = groups
        self.scales = int(groups.max()) + 1
        self.warped = np.flatnonzero(np.bincount(groups)[groups] == 1)  # columns of parameters with an order
        scales, warps = np.tile(_SCALE, (self.scales, 1)), np.tile(_WARP, (2 * len(self.warped), 1))
        scales[:, 3] += 0.5 * math.log(max(1.0, self.scales / _FEW))
        table = np.vstack([scales, warps, _NOISE, _IN_TIME])
        self.mean, self.deviation, self.low, self.high = table.T

    def parts(self, theta: Array) -> Parts:
        tail = len(theta) - len(_IN_TIME)
        return Parts(
            theta[: self.scales], theta[self.scales : tail - 1], float(theta[tail - 1]), theta[tail:]
        )


def in_time(theta: Array, times: Array) -> Array:
    """``shared``, ``own`` and ``common``, shape (3, n, n), of ``times`` (n,)."""
    scale, signal, own, common, early, bend = np.exp(theta[[0, 2, 3, 4, 5, 7]])
    share, turn = 1.0 / (1.0 + math.exp(-theta[1])), math.tanh(theta[6])
    fading = matern(np.abs(times[:, None] - times) / scale)
    end = times**bend
    start = early * (1.0 - end)
    crossed = np.outer(start, end)
    ends = np.outer(end, end)
    lasting = np.outer(start, start) + ends + turn * (crossed + crossed.T)
    return np.stack(
        [signal * (share * lasting + (1.0 - share) * fading), own * fading, common * 0.5 * (ends + fading)]
    )


def slopes(theta: Array, times: Array) -> Array:
    """The derivatives of `in_time` by each of ``theta``, by central differences: (len(theta), 3, n, n)."""
    steps = _STEP * np.eye(len(theta))
    return np.stack([in_time(theta + step, times) - in_time(theta - step, times) for step in steps]) / (
        2.0 * _STEP
    )


def expected(trends: Array) -> Array:
    """What is thought of n points before any is seen, (n,); ``trends`` (n, sweeps) as in `Points`."""
    mean: Array = _EXPECTED * trends.mean(axis=1)
    return mean


def along_trends(trends: Array, others: Array) -> Array:
    """The covariance of what n points and m others, (n, sweeps) and (m, sweeps), have of earlier sweeps."""
    along: Array = TREND * trends @ others.T
    return along


def warp(features: Array, columns: NDArray[np.int_], theta: Array) -> tuple[Array, Array, Array]:
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


def matern(distance: Array) -> Array:
    scaled = ROOT5 * distance
    alike: Array = (1.0 + scaled + scaled * scaled / 3.0) * np.exp(-scaled)
    return alike


def distances(a: Array, b: Array) -> Array:
    """Euclidean, of each row of ``a`` from each of ``b``."""
    squares = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1) - 2.0 * a @ b.T
    apart: Array = np.sqrt(np.maximum(squares, 0.0))
    return apart
