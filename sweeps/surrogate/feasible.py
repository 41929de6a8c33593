"""Where configurations can be trained, learned from those that failed for good."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from sweeps.surrogate.kernel import Array

_LABELLED = 125  # trials of either kind that are looked at, the latest
_HOPE = 0.5  # the label where nothing was tried
_NOISE = 0.02  # a variance: how blurred the border is


def log_feasible(
    alike: Callable[[Array, Array], Array], failed: Sequence[Array], fine: Sequence[Array], features: Array
) -> Array:
    """The logarithm of the probability that each row of features (n, columns) does not fail for good: (n,).

    A Gaussian process over the labels 1 and -1 with the model's own notion of likeness: where many have
    failed it is sure, so that no hope of a gain outweighs it.

    Args:
        alike: the correlation of rows of features, (n, columns) and (m, columns), as (n, m).
        failed, fine: features of trials that failed, at least one, and of others.
    """
    from scipy.special import log_ndtr

    failed, fine = failed[-_LABELLED:], fine[-_LABELLED:]
    points = np.array([*failed, *fine])
    labels = np.array([-1.0] * len(failed) + [1.0] * len(fine))
    covariance = alike(points, points) + _NOISE * np.eye(len(points))
    cross = alike(points, features)
    gain = np.linalg.solve(covariance, cross)
    mean = _HOPE + (labels - _HOPE) @ gain
    variance = np.maximum(1.0 - (cross * gain).sum(axis=0), _NOISE)
    feasible: Array = log_ndtr(mean / np.sqrt(variance))
    return feasible
