"""Rows read by worker processes while the device works."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from trainer.data.source import LazySplit, Split

Rows = NDArray[np.int64]
Read = tuple[Tensor, Tensor] | ValueError
ROWS_AT_ONCE = 64  # where a whole split is read


class Reader(Dataset[Read]):
    """Entry ``rows`` is these row numbers and their raw inputs, or the error that one of them met.

    An error is handed over as it is, since a DataLoader would wrap a worker's traceback around its message.
    """

    def __init__(self, split: Split | LazySplit) -> None:
        self._split = split

    def __getitem__(self, rows: Rows) -> Read:
        numbers = torch.from_numpy(rows)
        if isinstance(self._split, Split):
            return numbers, self._split.inputs[numbers]
        dataset = self._split.dataset
        try:
            return numbers, torch.stack([dataset[row][0] for row in rows.tolist()])
        except ValueError as error:
            return error


class Shuffling(Sampler[Rows]):
    """Batches of row numbers, in an order that every pass draws anew; ``stops`` says where batches end."""

    def __init__(self, rows: int, stops: list[int], generator: torch.Generator) -> None:
        self._rows, self._stops, self._generator = rows, stops, generator

    def __len__(self) -> int:
        return len(self._stops) + 1

    def __iter__(self) -> Iterator[Rows]:
        yield from np.split(torch.randperm(self._rows, generator=self._generator).numpy(), self._stops)


class InTurn(Sampler[Rows]):
    """Batches of row numbers from the first row to the last."""

    def __init__(self, rows: int, size: int) -> None:
        self._rows, self._size = rows, size

    def __len__(self) -> int:
        return -(-self._rows // self._size)

    def __iter__(self) -> Iterator[Rows]:
        for start in range(0, self._rows, self._size):
            yield np.arange(start, min(start + self._size, self._rows))


def loader(
    split: Split | LazySplit, batches: Sampler[Rows], workers: int, *, seed: int, pin: bool
) -> DataLoader[Read]:
    """Reads ``batches`` of ``split`` in ``workers`` processes that stay from pass to pass; 0 is in this one.

    ``seed`` is what a data set that draws random numbers in its workers gets them from; ``pin`` puts inputs
    into page-locked memory, from where they are copied to a GPU while it computes.
    """
    # A fork needs no import and shares the rows; a worker computes in one thread, which a fork can bear.
    context = "fork" if workers and sys.platform == "linux" else None
    return DataLoader(
        Reader(split),
        batch_size=None,
        sampler=batches,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=pin,
        collate_fn=_as_it_is,  # type: ignore[arg-type]  # the stub knows lists only
        worker_init_fn=_seed_worker,
        generator=torch.Generator().manual_seed(seed),
        multiprocessing_context=context,
    )


def checked(read: Read) -> tuple[Tensor, Tensor]:
    """``read``, unless it is an error, which is raised."""
    if isinstance(read, ValueError):
        raise read
    return read


def whole(split: LazySplit, workers: int) -> Split:
    """All rows of ``split``, read once into memory."""
    batches = loader(split, InTurn(len(split), ROWS_AT_ONCE), workers, seed=0, pin=False)
    inputs: Tensor | None = None
    for read in batches:
        rows, part = checked(read)
        if inputs is None:
            inputs = part.new_empty((len(split), *part.shape[1:]))
        inputs[rows] = part
    assert inputs is not None  # no split is empty
    return Split(inputs, split.targets)


def _as_it_is(read: Read) -> Read:
    return read


def _seed_worker(worker: int) -> None:
    seed = torch.initial_seed()  # which differs from worker to worker
    random.seed(seed)
    np.random.seed(seed % 2**32)
