"""Which rows train, validate and test: seeded, stratified by class, the same on every machine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class Assignment:
    """Three disjoint sets of row numbers, ascending, that together are all rows."""

    train: Rows
    validation: Rows
    test: Rows


def stratified(
    targets: NDArray[np.int64], seed: int, train: float = 0.6, validation: float = 0.2
) -> Assignment:
    """Assign each class's rows at random: fractions ``train`` and ``validation``, the rest to the test.

    ``targets`` holds one class a row; 0 <= seed < 2**32. A class is split to within one row of the fractions.
    """
    # RandomState's stream is frozen by NumPy for ever; default_rng's may change between versions.
    random = np.random.RandomState(seed)
    parts: tuple[list[Rows], list[Rows], list[Rows]] = ([], [], [])
    for label in np.unique(targets):
        rows = random.permutation(np.flatnonzero(targets == label))
        ends = [round(train * len(rows)), round((train + validation) * len(rows))]
        for part, chosen in zip(parts, np.split(rows, ends), strict=True):
            part.append(chosen)
    return Assignment(*(np.sort(np.concatenate(part)) for part in parts))
