"""Columns of a table as numbers: what the training rows hold decides how, and what they lack is unknown."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.missing import filled, refuse_empty
from trainer.data.split import Held, Rows
from trainer.rules import shown
from trainer.settings import DataSettings

if TYPE_CHECKING:
    import pandas as pd

Singles = NDArray[np.float32]
MOST_CATEGORIES = 1000  # more of them are names or dates, and their columns would fill the memory


def encode(
    frame: pd.DataFrame, train: Rows, held: Rows, which: Held, settings: DataSettings
) -> tuple[Singles, Singles, tuple[str, ...]]:
    """Inputs (rows, columns) of the training rows and of the held ones, and the names of their columns.

    A column whose training cells are all numbers, or empty, is one; every other holds categories: the
    training rows' own, in sorted order. ``one_hot`` gives a column of 0 and 1 for each of them, none of them
    1 for an unknown one, and they are called name=category; ``ordinal`` its place, -1 for an unknown one.
    """
    first, second, names = zip(
        *(_column(frame[name], train, held, which, settings) for name in frame.columns), strict=True
    )
    return np.concatenate(first, 1), np.concatenate(second, 1), tuple(itertools.chain(*names))


def as_numbers(column: pd.Series[Any]) -> NDArray[np.float64] | None:
    """Its cells as numbers, NaN where empty; None if one of them is none."""
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(column) or pd.api.types.is_timedelta64_dtype(column):
        raise ValueError(
            f"columns must hold numbers, booleans or strings, found dates in the column {column.name}: "
            f"use drop_columns: {column.name}, or write them as numbers"
        )
    try:
        found = pd.to_numeric(column.astype(object).infer_objects())
    except (ValueError, TypeError):
        return None
    return found.to_numpy(dtype=np.float64, na_value=np.nan)


def as_strings(column: pd.Series[Any]) -> NDArray[np.str_]:
    """Its cells as strings, "" where empty."""
    return np.array([str(cell) for cell in column.astype(object).where(column.notna(), "")], np.str_)


def _column(
    column: pd.Series[Any], train: Rows, held: Rows, which: Held, settings: DataSettings
) -> tuple[Singles, Singles, list[str]]:
    first, second = column.iloc[train], column.iloc[held]
    values = as_numbers(first)
    if values is None:
        return _categories(first, second, which, settings)
    others = as_numbers(second)
    if others is None:
        raise ValueError(
            f"the column {column.name} holds numbers in the training split, found {shown(_strange(second))} "
            f"in the {which} split: correct it, or use drop_columns: {column.name}"
        )
    a, b = filled(values, others, f"the column {column.name}", ["training", which], settings)
    return a[:, None], b[:, None], [str(column.name)]


def _categories(
    train: pd.Series[Any], held: pd.Series[Any], which: Held, settings: DataSettings
) -> tuple[Singles, Singles, list[str]]:
    known, places = np.unique(as_strings(train.dropna()), return_inverse=True)
    empty = int(train.isna().sum() + held.isna().sum())
    refuse_empty(empty, f"the column {train.name}", ["training", which], settings)
    if settings.categorical == "one_hot" and len(known) > MOST_CATEGORIES:
        raise ValueError(
            f"categorical: one_hot takes at most {MOST_CATEGORIES} categories a column, found {len(known)} "
            f"in the column {train.name}: use drop_columns: {train.name}, or categorical: ordinal"
        )
    # There is no mean of categories: every statistic is the most frequent one, and zero is an unknown one.
    gap = -1 if settings.missing == "zero" else int(np.bincount(places).argmax())
    first, second = _places(train, known, gap), _places(held, known, gap)
    if settings.categorical == "ordinal":
        return first[:, None].astype(np.float32), second[:, None].astype(np.float32), [str(train.name)]
    names = [f"{train.name}={category}" for category in known]
    return _one_hot(first, len(known)), _one_hot(second, len(known)), names


def _places(column: pd.Series[Any], known: NDArray[np.str_], gap: int) -> NDArray[np.intp]:
    cells = as_strings(column)
    places = np.searchsorted(known, cells).clip(max=len(known) - 1)
    places = np.where(known[places] == cells, places, -1)
    return np.where(column.isna().to_numpy(), gap, places)


def _one_hot(places: NDArray[np.intp], categories: int) -> Singles:
    columns: Singles = (places[:, None] == np.arange(categories)).astype(np.float32)
    return columns


def _strange(column: pd.Series[Any]) -> str:
    import pandas as pd

    cells = column[pd.to_numeric(column, errors="coerce").isna() & column.notna()]
    return str(cells.iloc[0])
