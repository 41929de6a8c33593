"""What one would write by hand: the same model, batches, fused optimiser, dropout, and one sync an epoch."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy

import trainer
from trainer.data import load
from trainer.rules import parse
from trainer.settings import Settings


@dataclass
class Stub:
    """A trial that keeps nothing: it times the epochs after the first one."""

    config: Mapping[str, Any]
    max_epochs: int
    device: str = "cpu"
    world_size: int = 1
    seed: int = 0
    seconds: float = 0.0
    reports: list[dict[str, float]] = field(default_factory=list)

    def epochs(self, **objects: Any) -> Iterator[int]:
        yield 1  # not timed: the first epoch warms up
        begun = time.perf_counter()
        yield from range(2, self.max_epochs + 1)
        self.seconds = time.perf_counter() - begun

    def report(self, **metrics: Any) -> None:
        self.reports.append(metrics)

    def record(self, **facts: Any) -> None: ...

    def restore_best(self, **objects: Any) -> None: ...


def ours(config: Mapping[str, Any], epochs: int, device: str) -> float:
    """Seconds an epoch of the trainer."""
    trial = Stub(config, epochs + 1, device)
    trainer.train(trial)
    return trial.seconds / epochs


def plain(model: nn.Module) -> nn.Module:
    """``model`` with torch's own dropout."""
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if type(child).__name__ == "Dropout":
                setattr(parent, name, nn.Dropout(child.p))
    return model


def bare(config: Mapping[str, Any], epochs: int, device: str, *, own_dropout: bool = False) -> float:
    """Seconds an epoch of a hand-written loop; ``own_dropout`` gives it the trainer's layer, not torch's."""
    settings = parse(config, Settings)
    data = load(settings).for_training()
    normalise = data.normaliser.to(device)
    inputs, targets = normalise(data.train.inputs.to(device)), data.train.targets.to(device)
    held, held_targets = normalise(data.validation.inputs.to(device)), data.validation.targets.to(device)
    torch.manual_seed(0)
    model = trainer.build_model(config).to(device)
    if not own_dropout:
        model = plain(model)
    if settings.model == "cnn":
        model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(
        model.parameters(), settings.lr, weight_decay=settings.weight_decay, fused=True
    )
    begun = 0.0
    for epoch in range(epochs + 1):
        if epoch == 1:
            begun = time.perf_counter()
        model.train()
        total = torch.zeros((), device=device)
        correct = torch.zeros((), dtype=torch.int64, device=device)
        for rows in torch.randperm(len(targets)).to(device).split(settings.batch_size):
            batch, labels = inputs[rows], targets[rows]
            optimizer.zero_grad()
            output = model(batch)
            loss = cross_entropy(output, labels)
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(labels)
            correct += (output.detach().argmax(1) == labels).sum()
        model.eval()
        with torch.inference_mode():
            output = model(held)
            held_loss = cross_entropy(output, held_targets)
            held_correct = (output.argmax(1) == held_targets).sum()
        torch.stack([total, correct, held_loss, held_correct]).tolist()
    return (time.perf_counter() - begun) / epochs
