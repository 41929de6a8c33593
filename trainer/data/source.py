"""What a data source hands out: one object to train with, another, with the test split, to test with.

Neither leads to the other, so that a training function cannot reach the test split by accident.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils.data import Dataset

from trainer.signature import Signature


@dataclass(frozen=True)
class Normaliser:
    """Raw inputs to what a model is given: ``unit`` first, to floats, then ``standard``.

    Attributes:
        scale: what raw inputs are multiplied by; 1/255 makes bytes pixels between 0 and 1.
        mean, deviation: of the scaled training inputs, broadcast over one input; None leaves them be.
    """

    scale: float = 1.0
    mean: Tensor | None = None
    deviation: Tensor | None = None

    def unit(self, inputs: Tensor) -> Tensor:
        """Raw inputs (samples, *input_shape) of any type as scaled float32."""
        floats = inputs.to(torch.float32)
        return floats if self.scale == 1.0 else floats * self.scale

    def standard(self, inputs: Tensor) -> Tensor:
        """Scaled inputs with mean 0 and deviation 1 over the training split."""
        if self.mean is None or self.deviation is None:
            return inputs
        return (inputs - self.mean) / self.deviation

    def __call__(self, inputs: Tensor) -> Tensor:
        return self.standard(self.unit(inputs))

    def to(self, device: str) -> Normaliser:
        """The same on ``device``."""
        if self.mean is None or self.deviation is None:
            return self
        return Normaliser(self.scale, self.mean.to(device), self.deviation.to(device))


@dataclass(frozen=True)
class Split:
    """Rows in memory: raw inputs (samples, *input_shape), bytes or floats, and their targets."""

    inputs: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return len(self.targets)

    def to(self, device: str) -> Split:
        """The same rows on ``device``."""
        return Split(self.inputs.to(device), self.targets.to(device))


@dataclass(frozen=True)
class LazySplit:
    """Rows that are read one by one: ``dataset[i]`` is (raw input, target), ``targets`` all targets."""

    dataset: Dataset[tuple[Tensor, Tensor]]
    targets: Tensor

    def __len__(self) -> int:
        return len(self.targets)


@dataclass(frozen=True)
class TrainingData:
    """The rows a training function may see.

    ``digest`` is a hash, in 16 hexadecimal digits, of which rows are in which of the three splits.
    """

    signature: Signature
    train: Split | LazySplit
    validation: Split | LazySplit
    normaliser: Normaliser
    digest: str


@dataclass(frozen=True)
class TestData:
    """The rows held back for the final test, and the normaliser of the training split."""

    __test__ = False  # for pytest: not a class of tests

    signature: Signature
    test: Split | LazySplit
    normaliser: Normaliser

    def preprocessing(self) -> dict[str, Any]:
        """What turns raw rows into the model's inputs, and its outputs into answers, as JSON data.

        ``inputs``: ``shape``, ``columns`` where they have names, ``scale``, then ``mean`` and ``deviation``
        (one a column or channel): a model takes (raw * scale - mean) / deviation. ``targets``: for classes
        their number and names, for numbers ``mean`` and ``scale``: an answer is output * scale + mean.
        """
        known, norm = self.signature, self.normaliser
        inputs: dict[str, Any] = {"shape": list(known.input_shape), "scale": norm.scale}
        if known.columns:
            inputs["columns"] = list(known.columns)
        if norm.mean is not None and norm.deviation is not None:
            inputs |= {"mean": norm.mean.flatten().tolist(), "deviation": norm.deviation.flatten().tolist()}
        if known.task == "regression":
            return {"inputs": inputs, "targets": {"mean": known.target_mean, "scale": known.target_scale}}
        return {"inputs": inputs, "targets": {"classes": list(known.classes) or known.outputs}}


class Source(Protocol):
    """A data set with its split."""

    @property
    def signature(self) -> Signature:
        """Known without reading the rows where the data set is fixed."""

    def for_training(self) -> TrainingData:
        """The training and validation rows; the normaliser knows the training rows alone."""

    def for_test(self) -> TestData:
        """The test rows; for the test function only."""
