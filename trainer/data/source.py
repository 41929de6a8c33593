"""What a data source hands out: one object to train with, another, with the test split, to test with.

Neither leads to the other, so that a training function cannot reach the test split by accident.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


@dataclass(frozen=True)
class Signature:
    """What a model must know of its data: the shape of one input and the number of classes."""

    input_shape: tuple[int, ...]
    classes: int


@dataclass(frozen=True)
class Split:
    """Rows in memory: inputs (samples, *input_shape) float32 and targets (samples,) int64, on one device."""

    inputs: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return len(self.targets)

    def to(self, device: str) -> Split:
        """The same rows on ``device``."""
        return Split(self.inputs.to(device), self.targets.to(device))


@dataclass(frozen=True)
class TrainingData:
    """The rows a training function may see."""

    signature: Signature
    train: Split
    validation: Split

    def to(self, device: str) -> TrainingData:
        """The same rows on ``device``."""
        return TrainingData(self.signature, self.train.to(device), self.validation.to(device))


@dataclass(frozen=True)
class TestData:
    """The rows held back for the final test."""

    __test__ = False  # for pytest: not a class of tests

    signature: Signature
    test: Split

    def to(self, device: str) -> TestData:
        """The same rows on ``device``."""
        return TestData(self.signature, self.test.to(device))


class Source(Protocol):
    """A data set with its split."""

    @property
    def signature(self) -> Signature:
        """Known without reading the rows where the data set is fixed."""

    def for_training(self) -> TrainingData:
        """The training and validation rows, normalised with the training rows' statistics."""

    def for_test(self) -> TestData:
        """The test rows, normalised with the training rows' statistics; for the test function only."""
