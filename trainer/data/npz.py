"""NumPy's own files: arrays ``x`` and ``y``, or a pair of them for every split."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from trainer.data.arrays import ArraySource, Part, Parts
from trainer.data.missing import filled
from trainer.data.split import Assignment, Held, assign, given
from trainer.data.statistics import BYTE
from trainer.data.targets import encoded, task_of
from trainer.places import place_of
from trainer.signature import Task

Pair = tuple[NDArray[Any], NDArray[Any]]


class Npz(ArraySource):
    """``x`` (rows, *shape) and ``y``, split by the fractions; or ``x_train``, ``y_train`` and so on.

    ``y`` is (rows,) or (rows, outputs); see ``task_of`` for what it is taken for. Images (rows, channels,
    height, width) of bytes become pixels between 0 and 1. Arrays of objects are refused.
    With a pair for every split, the test split's is not read for a training.
    """

    def read(self, which: Held) -> Parts:
        """The training split and one other."""
        with _opened(place_of(self.settings)) as file:
            if "x_train" in file.files:
                return self._given(_pair(file, "_train"), _pair(file, f"_{which}"), which)
            return self._split(*_pair(file, ""), which)

    def _split(self, x: NDArray[Any], y: NDArray[Any], which: Held) -> Parts:
        task = task_of(y, self.settings)
        rows = assign(y, self.settings, stratify=task == "classification")
        train, held = rows.train, rows.held(which)
        return self._parts((x[train], y[train]), (x[held], y[held]), which, rows, task)

    def _given(self, train: Pair, held: Pair, which: Held) -> Parts:
        if train[0].shape[1:] != held[0].shape[1:]:
            raise ValueError(
                f"x_train and x_{which} must hold inputs of one shape, found {train[0].shape[1:]} and "
                f"{held[0].shape[1:]}"
            )
        rows = given(len(train[0]), len(held[0]))
        return self._parts(train, held, which, rows, task_of(train[1], self.settings))

    def _parts(self, train: Pair, held: Pair, which: Held, rows: Assignment, task: Task) -> Parts:
        first, second, names = encoded(train[1], held[1], which, task, self.settings)
        is_bytes = train[0].dtype == np.uint8 and train[0].ndim == 4
        inputs, others = train[0], held[0]
        if not is_bytes:
            inputs, others = filled(
                _floats(inputs), _floats(others), "the array x", ["training", which], self.settings
            )
        scale = BYTE if is_bytes else 1.0
        classes = None if names is None else len(names)
        return Parts(Part(inputs, first), Part(others, second), rows, classes, scale, names or ())


def _opened(path: Path) -> NpzFile:
    try:
        file = np.load(path, allow_pickle=False)
    except (zipfile.BadZipFile, ValueError, EOFError) as error:
        raise ValueError(f"data_path must be a .npz file, found another kind of file at {path}") from error
    if isinstance(file, NpzFile):
        return file
    raise ValueError(f"data_path must be a .npz file, found a single array at {path}: use numpy.savez")


def _pair(file: NpzFile, suffix: str) -> Pair:
    names = f"x{suffix}", f"y{suffix}"
    lacking = [name for name in names if name not in file.files]
    if lacking:
        raise ValueError(
            "data: npz needs the arrays x and y, or x_train, y_train, x_validation, y_validation, x_test and "
            f"y_test, found {', '.join(file.files)}: {' and '.join(lacking)} missing"
        )
    x, y = (_array(file, name) for name in names)
    if len(x) != len(y) or not len(x):
        raise ValueError(
            f"{names[0]} and {names[1]} must have as many rows, at least 1, found {len(x)} and {len(y)}"
        )
    return x, y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y


def _array(file: NpzFile, name: str) -> NDArray[Any]:
    try:
        array = np.asarray(file[name])
    except ValueError as error:
        raise ValueError(
            f"the array {name} must hold numbers or strings, found objects: save it with a plain dtype"
        ) from error
    least = 2 if name.startswith("x") else 1
    if array.ndim < least:
        raise ValueError(f"the array {name} must have {least} dimensions or more, found {array.ndim}")
    return array


def _floats(x: NDArray[Any]) -> NDArray[np.float64]:
    if x.dtype.kind not in "biuf":
        raise ValueError(f"the array x must hold numbers, found the type {x.dtype}")
    return x.astype(np.float64)
