"""What a file's target column is: classes to tell apart, or numbers to predict."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.rules import shown
from trainer.settings import DataSettings
from trainer.signature import Task

MOST_CLASSES = 50
TEXT = "OUST"  # kinds of a NumPy type that hold strings


def task_of(values: NDArray[Any], settings: DataSettings) -> Task:
    """``settings.task``, or under ``auto`` what ``values``, none of them missing, look like.

    Strings and booleans are classes, and so are whole numbers with at most 50 different values that occur
    twice or more on average. All else is a regression. Raises ValueError where the values cannot serve the
    task that was asked for.
    """
    classes = values.ndim == 1 and (values.dtype.kind in TEXT + "b" or _whole(values))
    if settings.task == "regression" and values.dtype.kind in TEXT:
        raise ValueError(
            f"task: regression needs numbers as targets, found {shown(str(values[0]))}: "
            "use task: classification"
        )
    if settings.task == "classification" and not classes:
        raise ValueError(
            "task: classification needs one column of strings, booleans or whole numbers as targets, found "
            f"numbers such as {values.flat[0]:g}: use task: regression"
        )
    if settings.task != "auto":
        return settings.task
    distinct = len(np.unique(values)) if classes else 0
    if values.dtype.kind in TEXT and distinct > max(MOST_CLASSES, len(values) // 2):
        raise ValueError(
            f"a target of strings is a classification, found {distinct} different ones in {len(values)} "
            f"rows, such as {shown(str(values[0]))}: are they numbers with a text among them? mend it, "
            "or set task: classification"
        )
    if classes and values.dtype.kind not in TEXT + "b":
        classes = distinct <= min(MOST_CLASSES, len(values) // 2)
    return "classification" if classes else "regression"


def classes_of(train: NDArray[Any], settings: DataSettings) -> NDArray[Any]:
    """The classes of the training targets, sorted: the number of a class is its place. At least two."""
    classes = np.unique(train)
    if len(classes) < 2:
        raise ValueError(
            f"data: {settings.data} needs at least 2 classes to tell apart, found only {_name(classes[0])} "
            "in the training split"
        )
    return classes


def numbered(values: NDArray[Any], classes: NDArray[Any], split: str) -> NDArray[np.int64]:
    """The class numbers of ``values``; ValueError names one that the training split lacks."""
    places = np.searchsorted(classes, values).clip(max=len(classes) - 1)
    strange = values[classes[places] != values]
    if len(strange):
        raise ValueError(
            f"every class must occur in the training split, found {_name(strange[0])} in the {split} split "
            f"only: train on some of its rows, or take its {len(strange)} rows out"
        )
    return places.astype(np.int64)


def numbers(values: NDArray[Any], split: str) -> NDArray[np.float64]:
    """Regression targets (rows, outputs); ValueError counts those that are missing or infinite."""
    floats = values.astype(np.float64).reshape(len(values), -1)
    if bad := int((~np.isfinite(floats)).any(1).sum()):
        raise ValueError(
            f"every target must be a finite number, found {bad} rows of the {split} split without one: take "
            "them out"
        )
    return floats


def encoded(
    train: NDArray[Any], held: NDArray[Any], split: str, task: Task, settings: DataSettings
) -> tuple[NDArray[Any], NDArray[Any], tuple[str, ...] | None]:
    """Both splits' targets as ``Part`` wants them, and the classes' names, None for a regression."""
    if task == "regression":
        return numbers(train, "training"), numbers(held, split), None
    classes = classes_of(train, settings)
    names = tuple(_plain(value) for value in classes)
    return numbered(train, classes, "training"), numbered(held, classes, split), names


def _whole(values: NDArray[Any]) -> bool:
    return bool((values == np.floor(values)).all())


def _name(value: Any) -> str:
    return f"class {shown(_number_or_text(value))}"


def _plain(value: Any) -> str:
    return str(_number_or_text(value))


def _number_or_text(value: Any) -> Any:
    plain = value.item() if isinstance(value, np.generic) else value
    return int(plain) if isinstance(plain, float) and plain.is_integer() else plain
