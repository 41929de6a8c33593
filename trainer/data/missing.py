"""Empty cells of inputs: refused, or filled with a statistic of the training split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.settings import DataSettings

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]


def filled(
    train: Floats, held: Floats, what: str, splits: Sequence[str], settings: DataSettings
) -> tuple[Singles, Singles]:
    """Inputs (rows, ...) with NaN, where a cell is empty, filled as ``missing`` says.

    ``what`` names them, e.g. "the column age"; ``splits`` are the names of both. Raises ValueError for an
    infinite number, for empty cells under ``missing: refuse``, and for statistics of no cell at all.
    """
    refuse_infinite(train, held, what, splits)
    gaps = [np.isnan(train), np.isnan(held)]
    empty = sum(int(gap.sum()) for gap in gaps)
    if empty:
        refuse_empty(empty, what, splits, settings)
        value = _statistic(train, what, settings)
        train, held = np.where(gaps[0], value, train), np.where(gaps[1], value, held)
    return train.astype(np.float32), held.astype(np.float32)


def refuse_empty(empty: int, what: str, splits: Sequence[str], settings: DataSettings) -> None:
    """Raises ValueError if ``empty`` cells are too many for ``missing: refuse``."""
    if empty and settings.missing == "refuse":
        raise ValueError(
            f"missing: refuse allows no empty cell, found {empty} in {what} ({' and '.join(splits)} split): "
            "fill or drop them, or use missing: mean, median, most_frequent or zero"
        )


def refuse_infinite(train: Floats, held: Floats, what: str, splits: Sequence[str]) -> None:
    """Raises ValueError if a number is too large for float32."""
    for values, split in zip((train, held), splits, strict=True):
        with np.errstate(over="ignore"):
            bad = int(np.isinf(values.astype(np.float32)).sum())
        if bad:
            raise ValueError(
                f"inputs must be finite numbers (float32), found {bad} infinite in {what} ({split} split): "
                "take their rows out"
            )


def _statistic(train: Floats, what: str, settings: DataSettings) -> Any:
    if settings.missing == "zero":
        return 0.0
    if np.isnan(train).all(0).any():
        raise ValueError(
            f"missing: {settings.missing} needs a training row with a value, found none in {what}: drop it, "
            "or use missing: zero"
        )
    if settings.missing == "mean":
        return np.nanmean(train, 0)
    if settings.missing == "median":
        return np.nanmedian(train, 0)
    return np.apply_along_axis(_most_frequent, 0, train)


def _most_frequent(values: Floats) -> float:
    distinct, counts = np.unique(values[~np.isnan(values)], return_counts=True)
    return float(distinct[counts.argmax()])  # the smallest of those that occur equally often
