"""Tables in CSV and Parquet files: a target column, and all other columns to predict it from."""

from __future__ import annotations

import difflib
from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.arrays import ArraySource, Part, Parts
from trainer.data.columns import as_numbers, as_strings, encode
from trainer.data.split import Assignment, Held, assign
from trainer.data.targets import encoded, numbered, task_of
from trainer.places import place_of
from trainer.rules import shown
from trainer.settings import DataSettings

if TYPE_CHECKING:
    import pandas as pd

SPLITS = ("train", "validation", "test")


class Frame(ArraySource):
    """``target`` by all other columns, but those in ``drop_columns``; see ``columns.encode`` for the latter.

    Which rows train, validate and test says ``split_column``, or they are drawn by the fractions. What the
    test rows hold has no part in a training, but for the names of their classes.
    """

    @abstractmethod
    def frame(self, path: Path) -> pd.DataFrame:
        """The whole file; ValueError, or another error of the reader's, if it is none."""

    def read(self, which: Held) -> Parts:
        """The training split and one other."""
        path = place_of(self.settings)
        frame = self.frame(path)
        if frame.empty:
            raise ValueError(f"data: {self.settings.data} needs rows, found none in {path}")
        _check_columns(frame, path, self.settings)
        targets = frame[self.settings.target]
        rows = _rows(frame, targets, self.settings)
        # Drawn rows are stratified by all targets; where the file says which rows train, they alone decide.
        sample = _values(targets.iloc[rows.train] if self.settings.split_column else targets)
        task, text = task_of(sample, self.settings), sample.dtype.kind == "U"
        train, held = (_values(targets.iloc[part], text=text) for part in (rows.train, rows.held(which)))
        first, second, names = encoded(train, held, which, task, self.settings)
        if names is not None:
            _check_test_classes(train, targets.iloc[rows.test], text=text)
        inputs = _inputs(frame, path, self.settings)
        x_train, x_held, columns = encode(inputs, rows.train, rows.held(which), which, self.settings)
        classes = None if names is None else len(names)
        parts = Part(x_train, first), Part(x_held, second)
        return Parts(*parts, rows, classes, names=names or (), columns=columns)


class Csv(Frame):
    """Values joined by commas, the columns' names in the first line."""

    def frame(self, path: Path) -> pd.DataFrame:
        """The whole file."""
        import pandas as pd

        try:
            return pd.read_csv(path, low_memory=False)  # so that a column has one type throughout
        except (ValueError, pd.errors.EmptyDataError) as error:  # parser and encoding errors are ValueErrors
            raise _unreadable(path, "csv", error) from error


class Parquet(Frame):
    """A Parquet file."""

    def frame(self, path: Path) -> pd.DataFrame:
        """The whole file."""
        import pandas as pd

        try:
            return pd.read_parquet(path)
        except (ValueError, OSError) as error:  # what pyarrow raises for another kind of file
            raise _unreadable(path, "parquet", error) from error


def _unreadable(path: Path, kind: str, error: Exception) -> ValueError:
    reason = " ".join(str(error).split())
    return ValueError(f"data_path must be a {kind} file that can be read, found {path.absolute()}: {reason}")


def _check_columns(frame: pd.DataFrame, path: Path, settings: DataSettings) -> None:
    columns = [str(name) for name in frame.columns]
    if not settings.target:
        raise ValueError(
            f"data: {settings.data} needs target, the column to predict, found none: {path.name} has "
            f"{', '.join(columns)}"
        )
    named = {"target": [settings.target], "drop_columns": _dropped(settings)}
    if settings.split_column:
        named["split_column"] = [settings.split_column]
    for key, names in named.items():
        for name in names:
            if name not in columns:
                near = difflib.get_close_matches(name, columns, n=1)
                hint = f"did you mean {near[0]}? " if near else ""
                raise ValueError(
                    f"{key} must be a column of {path.name}, found {shown(name)}: {hint}"
                    f"it has {', '.join(columns)}"
                )


def _inputs(frame: pd.DataFrame, path: Path, settings: DataSettings) -> pd.DataFrame:
    others = {settings.target, settings.split_column, *_dropped(settings)}
    kept = [name for name in frame.columns if name not in others]
    if not kept:
        raise ValueError(
            f"data: {settings.data} needs a column to learn from, found none in {path.name} besides target, "
            "split_column and drop_columns"
        )
    return frame[kept]


def _dropped(settings: DataSettings) -> list[str]:
    return [name.strip() for name in settings.drop_columns.split(",") if name.strip()]


def _rows(frame: pd.DataFrame, targets: pd.Series[Any], settings: DataSettings) -> Assignment:
    if settings.split_column:
        return _said(frame[settings.split_column], settings)
    values = _values(targets)
    return assign(values, settings, stratify=task_of(values, settings) == "classification")


def _said(column: pd.Series[Any], settings: DataSettings) -> Assignment:
    strange = column[~column.isin(SPLITS)]
    if len(strange):
        first = "an empty cell" if strange.isna().iloc[0] else shown(str(strange.iloc[0]))
        raise ValueError(
            f"split_column: {settings.split_column} must hold train, validation or test, found {first} "
            f"({len(strange)} such rows)"
        )
    parts = {split: np.flatnonzero(column == split) for split in SPLITS}
    if empty := [split for split, rows in parts.items() if not len(rows)]:
        raise ValueError(
            f"split_column: {settings.split_column} must give every split a row, found none of "
            f"{', '.join(empty)}"
        )
    return Assignment(*parts.values())


def _values(targets: pd.Series[Any], *, text: bool | None = None) -> NDArray[Any]:
    """Targets as float64, or as strings; ``text`` says which if that is settled."""
    if empty := int(targets.isna().sum()):
        raise ValueError(
            f"every row needs a target, found {empty} empty cells in the column {targets.name}: "
            "take the rows out"
        )
    numbers = None if text else as_numbers(targets)
    if numbers is None and text is False:
        raise ValueError(
            f"target: {targets.name} holds numbers in the training split, found a string in another split: "
            "correct it"
        )
    return as_strings(targets) if numbers is None else numbers


def _check_test_classes(train: NDArray[Any], test: pd.Series[Any], *, text: bool) -> None:
    """So that a class which cannot be learnt is found before the training, not after it."""
    numbered(_values(test.dropna(), text=text), np.unique(train), "test")
