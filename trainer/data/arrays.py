"""A source that is read into arrays: the training split always, of the others the one that is asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.data.source import Normaliser, Split, TestData, TrainingData
from trainer.data.split import Assignment, Held
from trainer.data.statistics import normaliser, standardised
from trainer.settings import DataSettings
from trainer.signature import Signature


@dataclass(frozen=True)
class Part:
    """The rows of one split.

    Attributes:
        inputs: (rows, *shape), uint8 or float32.
        targets: classes (rows,) int64, or numbers (rows, outputs) float64 in their own unit.
    """

    inputs: NDArray[Any]
    targets: NDArray[Any]


@dataclass(frozen=True)
class Parts:
    """What was read.

    Attributes:
        held: the validation or the test split.
        classes: their number; None for a regression.
        scale: what raw inputs are multiplied by.
        names: of the classes, where they have any.
        columns: the names of the inputs' columns, where they have any.
    """

    train: Part
    held: Part
    rows: Assignment
    classes: int | None
    scale: float = 1.0
    names: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()


class ArraySource(ABC):
    """A data set whose rows are read into memory, each time they are asked for."""

    def __init__(self, settings: DataSettings) -> None:
        self.settings = settings

    @abstractmethod
    def read(self, which: Held) -> Parts:
        """The training split and one other."""

    @property
    def signature(self) -> Signature:
        """Read from the rows, unless a subclass knows it."""
        return self.for_training().signature

    def for_training(self) -> TrainingData:
        """Training and validation rows."""
        parts = self.read("validation")
        signature, train, held = _finish(parts)
        return TrainingData(signature, train, held, self._normaliser(parts), parts.rows.digest)

    def for_test(self) -> TestData:
        """Test rows."""
        parts = self.read("test")
        signature, _, held = _finish(parts)
        return TestData(signature, held, self._normaliser(parts))

    def _normaliser(self, parts: Parts) -> Normaliser:
        return normaliser(parts.train.inputs, parts.scale, normalise=self.settings.normalise)


def _finish(parts: Parts) -> tuple[Signature, Split, Split]:
    train, held = parts.train, parts.held
    shape = train.inputs.shape[1:]
    if parts.classes is not None:
        signature = Signature(shape, parts.classes, classes=parts.names, columns=parts.columns)
        return signature, _split(train.inputs, train.targets), _split(held.inputs, held.targets)
    targets, scale = standardised(train.targets, train.targets)
    others, _ = standardised(held.targets, train.targets)
    mean = tuple(train.targets.mean(0).tolist())
    signature = Signature(shape, targets.shape[1], "regression", scale, mean, columns=parts.columns)
    return signature, _split(train.inputs, targets), _split(held.inputs, others)


def _split(inputs: NDArray[Any], targets: NDArray[Any]) -> Split:
    # torch shares the memory, and may not share what is read-only.
    return Split(
        *(torch.from_numpy(np.require(array, requirements=["C", "W"])) for array in (inputs, targets))
    )
