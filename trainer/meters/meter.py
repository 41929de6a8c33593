"""What a meter is, the one that knows the loss alone, and how metrics leave the device."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import torch
from torch import Tensor

Values = Mapping[str, Tensor]
HELD = 2**24  # numbers of outputs that a pass keeps at once


class Meter(Protocol):
    """Gathers one pass over a split without waiting for the device."""

    def add(self, loss: Tensor, output: Tensor, targets: Tensor) -> None:
        """One batch: ``loss`` its mean, a scalar; all three detached, and not changed afterwards."""

    def values(self) -> Values:
        """The metrics by name, ``loss`` first, each a scalar tensor on the device."""

    def details(self) -> dict[str, Any]:
        """What the final test tells besides, as JSON data: for classes the ``confusion`` matrix."""


class LossMeter:
    """The mean loss of a sample, whatever the task."""

    def __init__(self) -> None:
        self._losses: dict[int, list[Tensor]] = {}  # by the batch's rows: few sizes, however many batches

    def add(self, loss: Tensor, output: Tensor, targets: Tensor) -> None:
        self._losses.setdefault(len(targets), []).append(loss)

    def values(self) -> Values:
        samples = self.samples
        parts = [torch.stack(losses).double().sum() * (n / samples) for n, losses in self._losses.items()]
        return {"loss": torch.stack(parts).sum()}

    def details(self) -> dict[str, Any]:
        return {}

    @property
    def samples(self) -> int:
        """The rows seen."""
        return sum(rows * len(losses) for rows, losses in self._losses.items())


class HoldingMeter(LossMeter):
    """Keeps outputs and targets until they are asked for; beyond ``HELD`` numbers only sums of them."""

    def __init__(self) -> None:
        super().__init__()
        self._outputs: list[Tensor] = []
        self._targets: list[Tensor] = []
        self._numbers = 0
        self._sums: Tensor | None = None  # of the rows that are not kept any more

    def add(self, loss: Tensor, output: Tensor, targets: Tensor) -> None:
        super().add(loss, output, targets)
        if self._numbers >= HELD:
            self._fold()
        self._outputs.append(output)
        self._targets.append(targets)
        self._numbers += output.numel()

    def sums_of(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """What can be added up over rows, a vector."""
        raise NotImplementedError

    def held(self) -> tuple[Tensor, Tensor]:
        """(outputs, targets) of the rows that are kept, in float32 where they were of half precision."""
        outputs = torch.cat(self._outputs)
        half = outputs.dtype in (torch.bfloat16, torch.float16)
        return outputs.float() if half else outputs, torch.cat(self._targets)

    def with_folded(self, sums: Tensor) -> Tensor:
        """``sums`` of the rows that are kept plus those of the others."""
        return sums if self._sums is None else self._sums + sums

    @property
    def is_whole(self) -> bool:
        """Whether every row of the pass is kept."""
        return self._sums is None

    def _fold(self) -> None:
        with torch.inference_mode():
            self._sums = self.with_folded(self.sums_of(*self.held()))
        self._outputs, self._targets, self._numbers = [], [], 0


def read(*passes: Values) -> list[dict[str, float]]:
    """Bring the metrics of several passes from the device at once: the only wait of an epoch."""
    numbers = iter(torch.stack([value.double() for values in passes for value in values.values()]).tolist())
    return [{name: next(numbers) for name in values} for values in passes]
