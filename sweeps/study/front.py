"""Fronts of points: what no other point dominates, and how much volume each of them adds.

Points are rows, one column an objective, lower is better. All of it is exact.
"""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Ranks = npt.NDArray[np.int64]


def nondominated(points: npt.ArrayLike) -> Mask:
    """Which of the n points (n x d, finite) no other one dominates; equal points are there together."""
    among: Mask = ranks(np.asarray(points, dtype=float), 1) == 0
    return among


def ranks(points: Points, places: int) -> Ranks:
    """The front of each of the n points (n x d, finite): 0 for what no other one dominates, 1 for what only
    those do, ...; equal points have the same.

    Front after front until ``places`` points have theirs; the others get the number after the last of these.
    O(n log n) for two objectives, else O(n d) for each point that has its front.
    """
    distinct, place, counts = np.unique(points, axis=0, return_inverse=True, return_counts=True)
    found = _ranks_of_two(distinct) if points.shape[1] == 2 else _ranks_of_many(distinct, counts, places)
    return found[place.reshape(-1)]


def _ranks_of_two(distinct: Points) -> Ranks:
    """The points come sorted by the first objective, then the second: one is on the first front whose latest
    point has a greater second one, and these grow from front to front.
    """
    latest: list[float] = []
    found = np.empty(len(distinct), np.int64)
    for i, second in enumerate(distinct[:, 1].tolist()):
        found[i] = front = bisect_right(latest, second)
        latest[front : front + 1] = [second]
    return found


def _ranks_of_many(distinct: Points, counts: Ranks, places: int) -> Ranks:
    """Of those not yet compared the first point, as they are sorted, is dominated by none."""
    found = np.zeros(len(distinct), np.int64)
    left = np.arange(len(distinct))
    while places > 0 and len(left):
        front, rest = [], left
        while len(rest):
            front.append(rest[0])
            rest = rest[~(distinct[rest] >= distinct[rest[0]]).all(axis=1)]
        places -= int(counts[front].sum())
        left = np.setdiff1d(left, front, assume_unique=True)
        found[left] += 1
    return found


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
    if front.shape[1] == 2:
        return _exclusive_of_two(front, reference)
    return np.array([_exclusive(front, i, reference) for i in range(len(front))])


def _exclusive_of_two(front: Points, reference: Points) -> Points:
    """Sorted by the first objective each is a box that ends where its two neighbours begin."""
    order = np.argsort(front[:, 0], kind="stable")
    first, second = np.minimum(front[order], reference).T
    areas = np.empty(len(front))
    areas[order] = np.diff(np.append(first, reference[0])) * -np.diff(np.append(reference[1], second))
    return areas


def _exclusive(front: Points, i: int, reference: Points) -> float:
    """Its box, less what of it the others dominate: Bradstreet et al., "A Fast Way of Calculating Exact
    Hypervolumes", 2012.
    """
    box = float(np.prod(np.maximum(reference - front[i], 0.0)))
    others = np.maximum(np.delete(front, i, axis=0), front[i])
    return box - hypervolume(others, reference)
