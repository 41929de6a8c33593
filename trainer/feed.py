"""Batches of a split, on the device: picked by index from memory, or read by worker processes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Protocol

import torch
from torch import Tensor

from trainer.batch import Batch
from trainer.data.source import LazySplit, Signature, Split
from trainer.settings import LoopSettings

EVALUATION_NUMBERS = 2**20
Prepare = Callable[[Tensor], Tensor]


class Feed(Protocol):
    """One split, batch by batch; a new iteration is a new pass over all of its rows."""

    def __len__(self) -> int:
        """Batches of a pass."""

    def __iter__(self) -> Iterator[Batch]: ...


def training_feed(
    split: Split | LazySplit,
    settings: LoopSettings,
    size: int,
    where: str,
    prepare: Prepare | None,
    generator: torch.Generator,
    weights: Tensor | None = None,
) -> Feed:
    """Batches of ``size`` rows in an order that every pass draws anew from ``generator`` (on the CPU).

    The last batch is smaller; a single row left over joins the batch before it, since batch norm has no
    variance of one row. ``prepare`` makes inputs of raw ones, None leaves them raw; ``weights`` is one a row.
    """
    assert isinstance(split, Split)
    return Shuffled(split.to(where), size, prepare, generator, weights)


def evaluation_feed(
    split: Split | LazySplit, settings: LoopSettings, where: str, prepare: Prepare, rows: int
) -> Feed:
    """Batches of ``rows`` rows in their own order."""
    assert isinstance(split, Split)
    return InOrder(split.to(where), rows, prepare)


def evaluation_rows(batch_size: int, signature: Signature) -> int:
    """Rows of a batch that is only measured: it keeps no activations for a backward pass."""
    return max(4 * batch_size, EVALUATION_NUMBERS // math.prod(signature.input_shape))


class Shuffled:
    """Rows on the device, in a new order every pass."""

    def __init__(
        self,
        split: Split,
        size: int,
        prepare: Prepare | None,
        generator: torch.Generator,
        weights: Tensor | None,
    ) -> None:
        self._inputs = split.inputs if prepare is None else prepare(split.inputs)
        self._targets = split.targets
        self._weights = None if weights is None else weights.to(split.targets.device)
        self._stops = stops(len(split), size)
        self._generator = generator

    def __len__(self) -> int:
        return len(self._stops) + 1

    def __iter__(self) -> Iterator[Batch]:
        # Drawn on the CPU and thus the same on every device.
        order = torch.randperm(len(self._targets), generator=self._generator)
        for rows in order.to(self._targets.device, non_blocking=True).tensor_split(self._stops):
            weights = None if self._weights is None else self._weights[rows]
            yield Batch(self._inputs[rows], self._targets[rows], weights)


class InOrder:
    """Rows on the device, in their own order."""

    def __init__(self, split: Split, size: int, prepare: Prepare) -> None:
        self._inputs, self._targets = prepare(split.inputs), split.targets
        self._size = size

    def __len__(self) -> int:
        return -(-len(self._targets) // self._size)

    def __iter__(self) -> Iterator[Batch]:
        for start in range(0, len(self._targets), self._size):
            rows = slice(start, start + self._size)
            yield Batch(self._inputs[rows], self._targets[rows])


def stops(rows: int, size: int) -> list[int]:
    """Where one batch ends and the next begins."""
    ends = list(range(size, rows, size))
    return ends[:-1] if rows % size == 1 else ends
