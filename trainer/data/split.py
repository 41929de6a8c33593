"""Which rows train, validate and test: seeded, stratified by class, the same on every machine."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from trainer.settings import DataSettings

Rows = NDArray[np.intp]
Held = Literal["validation", "test"]


@dataclass(frozen=True)
class Assignment:
    """Three disjoint sets of row numbers, ascending, that together are all rows."""

    train: Rows
    validation: Rows
    test: Rows

    def held(self, which: Held) -> Rows:
        """The rows of one of the two splits that are not trained on."""
        return self.validation if which == "validation" else self.test

    @property
    def digest(self) -> str:
        """A hash of the three sets and their sizes, 16 hexadecimal digits."""
        sets = (self.train, self.validation, self.test)
        numbers = np.concatenate([[len(rows) for rows in sets], *sets]).astype("<i8")
        return hashlib.sha256(numbers.tobytes()).hexdigest()[:16]


def assign(targets: NDArray[Any], settings: DataSettings, *, stratify: bool) -> Assignment:
    """All rows of a data set, by ``train_fraction`` and ``validation_fraction``; the rest is the test split.

    ``targets``: (rows,) classes if they are to be stratified, else anything with one entry a row. Raises
    ValueError where a split would be empty.
    """
    shares = (settings.train_fraction, settings.validation_fraction)
    seed = settings.split_seed
    parts = stratified(targets, seed, shares) if stratify else scattered(len(targets), seed, shares)
    rows = Assignment(*parts)
    _refuse_empty({name: len(getattr(rows, name)) for name in ("train", "validation", "test")}, settings)
    return rows


def hold_out(targets: NDArray[Any], settings: DataSettings) -> Assignment:
    """The rows of a data set that has a test split of its own: which train, which validate, none to test.

    ``validation_fraction / (train_fraction + validation_fraction)`` of each class validate.
    """
    share = settings.train_fraction / (settings.train_fraction + settings.validation_fraction)
    train, validation = stratified(targets, settings.split_seed, (share,))
    _refuse_empty({"train": len(train), "validation": len(validation)}, settings)
    return Assignment(train, validation, np.empty(0, np.intp))


def given(train: int, validation: int) -> Assignment:
    """The rows of a data set that comes in separate parts of these lengths, each numbered from 0."""
    return Assignment(np.arange(train), np.arange(validation), np.empty(0, np.intp))


def stratified(targets: NDArray[Any], seed: int, shares: Sequence[float]) -> list[Rows]:
    """Deal each class's rows at random into ``len(shares) + 1`` parts; the last part gets the rest.

    ``targets`` holds one class a row; 0 <= seed < 2**32. A class is split to within one row of its shares,
    but every part gets a row of each class that has enough of them, and the first part is served first.
    """
    # RandomState's stream is frozen by NumPy for ever; default_rng's may change between versions.
    random = np.random.RandomState(seed)
    dealt = [
        _deal(random.permutation(np.flatnonzero(targets == label)), shares) for label in np.unique(targets)
    ]
    return [np.sort(np.concatenate(part)) for part in zip(*dealt, strict=True)]


def scattered(rows: int, seed: int, shares: Sequence[float]) -> list[Rows]:
    """Deal ``rows`` rows at random into ``len(shares) + 1`` parts; the last part gets the rest."""
    return [np.sort(part) for part in _deal(np.random.RandomState(seed).permutation(rows), shares)]


def _deal(rows: Rows, shares: Sequence[float]) -> list[Rows]:
    ends = [0]
    for part, share in enumerate(np.cumsum(shares), start=1):
        least = min(part, len(rows))  # a row for each part so far
        most = len(rows) - (len(shares) + 1 - part)  # and one for each that follows
        ends.append(max(min(max(round(share * len(rows)), ends[-1] + 1), most), least))
    return np.split(rows, ends[1:])


def _refuse_empty(sizes: dict[str, int], settings: DataSettings) -> None:
    empty = [name for name, size in sizes.items() if size == 0]
    if empty:
        raise ValueError(
            f"every split needs rows, but train_fraction: {settings.train_fraction} and validation_fraction: "
            f"{settings.validation_fraction} of {sum(sizes.values())} rows leave "
            f"{' and '.join(empty)} empty: give more rows, at least 3 of a class"
        )
