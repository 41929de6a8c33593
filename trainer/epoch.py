"""One pass over a split: to train on it, or to measure it."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn, optim
from torch.nn.functional import cross_entropy

from trainer.config import Settings
from trainer.data.source import Split
from trainer.losses import objective, reported
from trainer.metrics import Tally

EVALUATION_ROWS = 4096


def train_epoch(
    settings: Settings, model: nn.Module, data: Split, optimizer: optim.Optimizer, generator: torch.Generator
) -> Tally:
    """Train once on every row of ``data``, in an order drawn from ``generator``."""
    tally = Tally()
    model.train()
    for inputs, targets in shuffled(data, settings.batch_size, generator):
        optimizer.zero_grad()
        logits = model(inputs)
        loss = objective(settings, logits, targets)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated
        optimizer.step()
        tally.add(reported(settings, loss, logits, targets), logits.detach(), targets)
    return tally


@torch.inference_mode()
def evaluate(model: nn.Module, data: Split) -> Tally:
    """Measure on every row of ``data``, dropout off and batch norm frozen."""
    tally = Tally()
    model.eval()
    for start in range(0, len(data), EVALUATION_ROWS):
        rows = slice(start, start + EVALUATION_ROWS)
        targets = data.targets[rows]
        logits = model(data.inputs[rows])
        tally.add(cross_entropy(logits, targets), logits, targets)
    return tally


def shuffled(data: Split, size: int, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of ``size`` rows, the last one smaller; a single row left over joins the batch before it.

    The order is drawn on the CPU and thus the same on every device.
    """
    order = torch.randperm(len(data), generator=generator).to(data.inputs.device, non_blocking=True)
    stops = list(range(size, len(data), size))
    if len(data) % size == 1:  # batch norm has no variance of one row
        del stops[-1:]
    for rows in order.tensor_split(stops):
        yield data.inputs[rows], data.targets[rows]
