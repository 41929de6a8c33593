"""Fronts of points: what no other point dominates, and how much volume each of them adds.

Points are rows, one column an objective, lower is better. All of it is exact.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def nondominated(points: Points) -> Mask:
    """Which of the n points (n x d, finite) no other one dominates; equal points are there together.

    O(n log n) for two objectives, else O(n d) for each point of the front.
    """
    distinct, place = np.unique(points, axis=0, return_inverse=True)  # sorted by the first column, ...
    kept = _front_of_two(distinct) if points.shape[1] == 2 else _front_of_many(distinct)
    return kept[place.reshape(-1)]


def _front_of_two(distinct: Points) -> Mask:
    least_before = np.minimum.accumulate(np.concatenate([[np.inf], distinct[:-1, 1]]))
    return distinct[:, 1] < least_before


def _front_of_many(distinct: Points) -> Mask:
    """A point can be dominated only by one that is before it, the first one by none."""
    kept = np.zeros(len(distinct), bool)
    rest = np.arange(len(distinct))
    while len(rest):
        kept[rest[0]] = True
        beaten = (distinct[rest] >= distinct[rest[0]]).all(axis=1)
        rest = rest[~beaten]
    return kept


def hypervolume(points: Points, reference: Points) -> float:
    """The volume that the points (n x d) dominate, up to the ``reference`` (d).

    Slice by slice along the last objective, as in While et al., "A Faster Algorithm for Calculating
    Hypervolume", 2006: exponential in d, and for a few objectives quick enough.
    """
    points = points[(points < reference).all(axis=1)]
    if not len(points):
        return 0.0
    if points.shape[1] == 1:
        return float(reference[0] - points.min())
    points = points[nondominated(points)]
    points = points[np.argsort(points[:, -1], kind="stable")]
    depths = np.diff(np.append(points[:, -1], reference[-1]))
    if points.shape[1] == 2:
        return float(depths @ (reference[0] - np.minimum.accumulate(points[:, 0])))
    slices = (hypervolume(points[: i + 1, :-1], reference[:-1]) for i in range(len(points)))
    return float(sum(depth * area for depth, area in zip(depths, slices, strict=True)))


def contributions(front: Points, reference: Points) -> Points:
    """The volume that each point alone dominates, of points that do not dominate each other (n)."""
    return np.array([_exclusive(front, i, reference) for i in range(len(front))])


def _exclusive(front: Points, i: int, reference: Points) -> float:
    """Its box, less what of it the others dominate: Bradstreet et al., "A Fast Way of Calculating Exact
    Hypervolumes", 2012.
    """
    box = float(np.prod(np.maximum(reference - front[i], 0.0)))
    others = np.maximum(np.delete(front, i, axis=0), front[i])
    return box - hypervolume(others, reference)
