"""Batches of a split, on the device: picked by index from memory, or read by worker processes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Protocol

import psutil
import torch
from torch import Tensor
from torch.utils.data import Sampler

from trainer.batch import Batch
from trainer.data.loader import InTurn, Rows, Shuffling, checked, loader, whole
from trainer.data.source import LazySplit, Split
from trainer.settings import LoopSettings
from trainer.signature import Signature

EVALUATION_NUMBERS = 2**20
PREPARED_NUMBERS = 2**24  # at a time
MEMORY_SHARE = 0.25  # of the device's free memory, that a split may take under ``loader: auto``
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
    The batches are the same whether rows lie in memory or are read by workers.
    """
    if in_memory(split, settings, where, raw=prepare is None):
        return Shuffled(resident(split, settings, where), size, prepare, generator, weights)
    batches = Shuffling(len(split), stops(len(split), size), generator)
    return Loaded(split, settings, batches, where, prepare, weights, generator.initial_seed())


def evaluation_feed(
    split: Split | LazySplit, settings: LoopSettings, where: str, prepare: Prepare, rows: int
) -> Feed:
    """Batches of ``rows`` rows in their own order."""
    if in_memory(split, settings, where):
        return InOrder(split, settings, where, prepare, rows)
    return Loaded(split, settings, InTurn(len(split), rows), where, prepare)


def evaluation_rows(batch_size: int, signature: Signature) -> int:
    """Rows of a batch that is only measured: it keeps no activations for a backward pass."""
    return max(4 * batch_size, EVALUATION_NUMBERS // math.prod(signature.input_shape))


def in_memory(split: Split | LazySplit, settings: LoopSettings, where: str, *, raw: bool = False) -> bool:
    """Whether ``split`` is to lie on the device: as ``loader`` says, under ``auto`` if it fits.

    It fits if its inputs, as float32 numbers or ``raw``, take at most a quarter of the memory that is free.
    """
    if settings.loader != "auto":
        return settings.loader == "memory"
    first = split.inputs[0] if isinstance(split, Split) else split.dataset[0][0]
    row = first.numel() * (first.element_size() if raw else 4)
    return len(split) * row <= MEMORY_SHARE * free_memory(where)


def free_memory(where: str) -> int:
    """Bytes that are free on a device."""
    if torch.device(where).type == "cuda":
        return torch.cuda.mem_get_info(where)[0]
    return psutil.virtual_memory().available


def resident(split: Split | LazySplit, settings: LoopSettings, where: str) -> Split:
    """``split`` on the device, once all of it is read."""
    if isinstance(split, LazySplit):
        split = whole(split, settings.loader_workers)
    return split.to(where)


def prepared(inputs: Tensor, prepare: Prepare) -> Tensor:
    """All of ``inputs`` prepared, a part at a time: what ``prepare`` makes on the way takes memory too."""
    rows = max(PREPARED_NUMBERS // inputs[0].numel(), 1)
    if len(inputs) <= rows:
        return prepare(inputs)
    first = prepare(inputs[:1])
    whole = first.new_empty((len(inputs), *first.shape[1:]))
    for start in range(0, len(inputs), rows):
        whole[start : start + rows] = prepare(inputs[start : start + rows])
    return whole


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
        self._inputs = split.inputs if prepare is None else prepared(split.inputs, prepare)
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
    """Rows on the device, in their own order; they are brought there for the first pass, if there is one."""

    def __init__(
        self, split: Split | LazySplit, settings: LoopSettings, where: str, prepare: Prepare, size: int
    ) -> None:
        self._split, self._settings, self._where = split, settings, where
        self._prepare, self._size = prepare, size

    @cached_property
    def _rows(self) -> Split:
        # A pass may run under inference mode, and what is made there can never be trained on.
        with torch.inference_mode(False):
            split = resident(self._split, self._settings, self._where)
            return Split(prepared(split.inputs, self._prepare), split.targets)

    def __len__(self) -> int:
        return -(-len(self._split) // self._size)

    def __iter__(self) -> Iterator[Batch]:
        inputs, targets = self._rows.inputs, self._rows.targets
        for start in range(0, len(targets), self._size):
            rows = slice(start, start + self._size)
            yield Batch(inputs[rows], targets[rows])


class Loaded:
    """Rows read in worker processes, batch by batch, and prepared on the device."""

    def __init__(
        self,
        split: Split | LazySplit,
        settings: LoopSettings,
        batches: Sampler[Rows],
        where: str,
        prepare: Prepare | None,
        weights: Tensor | None = None,
        seed: int = 0,
    ) -> None:
        """``batches`` yields the rows of each batch; ``seed`` is for data sets that draw."""
        pin = torch.device(where).type == "cuda"
        self._loader = loader(split, batches, settings.loader_workers, seed=seed, pin=pin)
        self._where, self._prepare = where, prepare
        self._targets = split.targets.to(where)
        self._weights = None if weights is None else weights.to(where)

    def __len__(self) -> int:
        return len(self._loader)

    def __iter__(self) -> Iterator[Batch]:
        for read in self._loader:
            numbers, raw = checked(read)
            rows = numbers.to(self._where, non_blocking=True)
            inputs = raw.to(self._where, non_blocking=True)
            weights = None if self._weights is None else self._weights[rows]
            prepared = inputs if self._prepare is None else self._prepare(inputs)
            yield Batch(prepared, self._targets[rows], weights)


def stops(rows: int, size: int) -> list[int]:
    """Where one batch ends and the next begins."""
    ends = list(range(size, rows, size))
    return ends[:-1] if rows % size == 1 else ends
