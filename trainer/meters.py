"""Means over a whole split, weighted by samples, summed up on the device."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor

from trainer.data.source import Signature
from trainer.settings import Settings

Values = Mapping[str, Tensor]


class Meter(Protocol):
    """Gathers one pass over a split without waiting for the device."""

    def add(self, loss: Tensor, output: Tensor, targets: Tensor) -> None:
        """One batch: ``loss`` its mean, a scalar; all three detached."""

    def values(self) -> Values:
        """The metrics by name, ``loss`` first, each a scalar tensor on the device."""

    def details(self) -> dict[str, Any]:
        """What the final test tells besides, as JSON data: for classes the ``confusion`` matrix."""


class LossMeter:
    """The mean loss a sample."""

    def __init__(self) -> None:
        self._losses: list[Tensor] = []  # each the sum over its batch
        self._samples = 0

    def add(self, loss: Tensor, output: Tensor, targets: Tensor) -> None:
        self._losses.append(loss * len(targets))
        self._samples += len(targets)

    def values(self) -> Values:
        return {"loss": torch.stack(self._losses).sum() / self._samples}

    def details(self) -> dict[str, Any]:
        return {}


def read(*passes: Values) -> list[dict[str, float]]:
    """Bring the metrics of several passes from the device at once: the only wait of an epoch."""
    numbers = iter(torch.stack([value.double() for values in passes for value in values.values()]).tolist())
    return [{name: next(numbers) for name in values} for values in passes]


class ClassMeter(LossMeter):
    def __init__(self) -> None:
        super().__init__()
        self._correct: list[Tensor] = []

    def add(self, loss: Tensor, output: Tensor, targets: Tensor) -> None:
        super().add(loss, output, targets)
        self._correct.append((output.argmax(1) == targets).sum())

    def values(self) -> Values:
        return {**super().values(), "accuracy": torch.stack(self._correct).sum() / self._samples}


def build_meter(settings: Settings, signature: Signature) -> Meter:
    """The metrics of the task."""
    return ClassMeter() if signature.task == "classification" else LossMeter()
