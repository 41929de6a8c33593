"""One pass over a split: to train on it, or to measure it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor, nn, optim

from trainer.averaging import Averager
from trainer.batch import Batch
from trainer.data.source import Normaliser
from trainer.device import Stopwatch
from trainer.feed import Feed
from trainer.gradients import GradientNorm, clip, penalty
from trainer.meters import Meter, Values
from trainer.recipe import Recipe
from trainer.schedules import Schedule
from trainer.settings import LoopSettings
from trainer.signature import Signature

C = TypeVar("C", bound=LoopSettings)
Forward = Callable[[Tensor], Tensor]
Autocast = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True, kw_only=True)
class Training(Generic[C]):
    """What an epoch works with: all that changes while a trial trains is in here."""

    recipe: Recipe[C]
    settings: C
    signature: Signature
    model: nn.Module  # the weights that are trained
    forward: Forward  # computes the model's output
    evaluated: (
        Forward  # computes the output of the averaged weights, which are the model's own without averaging
    )
    optimizer: optim.Optimizer
    schedule: Schedule
    averager: Averager
    scaler: torch.amp.GradScaler | None
    autocast: Autocast
    normaliser: Normaliser | None  # for batches that augmentation gets before they are normalised
    noise: torch.Generator  # of augmentation and dropout, on the device
    watch: Stopwatch  # of the training pass


def train_epoch(training: Training[C], feed: Feed, meter: Meter) -> Tensor:
    """Train once on every row of ``feed``; returns the mean norm of the gradients."""
    settings, model = training.settings, training.model
    plain = settings.plain()
    norm = GradientNorm(settings, -(-len(feed) // settings.accumulate))
    model.train()
    for group in grouped(feed, settings.accumulate):
        rows = sum(map(len, group))
        for raw in group:
            batch = changed(training, raw)
            with training.autocast():
                output = training.forward(batch.inputs)
                loss = training.recipe.loss(output, batch, settings)
            backward(training, penalised(training, loss) * (len(batch) / rows))
            meter.add(_reported(training, loss, output, batch, plain), output.detach(), batch.targets)
        step(training, norm)
    return norm.mean()


def grouped(feed: Iterable[Batch], size: int) -> Iterator[list[Batch]]:
    """The batches of ``feed``, as many together as make one step; the last group may be smaller."""
    batches = iter(feed)
    while group := list(itertools.islice(batches, size)):
        yield group


def changed(training: Training[C], batch: Batch) -> Batch:
    """``batch`` augmented, normalised and mixed."""
    recipe, settings = training.recipe, training.settings
    if training.normaliser is not None:
        batch = replace(batch, inputs=training.normaliser.unit(batch.inputs))
        batch = recipe.augment(batch, settings, training.noise)
        batch = replace(batch, inputs=training.normaliser.standard(batch.inputs))
    return recipe.mix(batch, settings, training.noise, training.signature)


def penalised(training: Training[C], loss: Tensor) -> Tensor:
    """``loss`` plus the L1 and L2 penalties."""
    settings = training.settings
    return loss + penalty(settings, training.model) if settings.l1 or settings.l2 else loss


def backward(training: Training[C], loss: Tensor) -> None:
    """Add the gradients of ``loss`` to the parameters'."""
    scaled = loss if training.scaler is None else training.scaler.scale(loss)
    scaled.backward()  # type: ignore[no-untyped-call]  # torch leaves it unannotated


def step(training: Training[C], norm: GradientNorm) -> None:
    """One optimiser step with the gradients at hand, which are clipped first and then forgotten."""
    optimizer, scaler = training.optimizer, training.scaler
    if scaler is not None:
        scaler.unscale_(optimizer)
    norm.add(clip(training.settings, training.model, measure=norm.is_due()))
    training.schedule.before_step()
    if scaler is None:
        optimizer.step()
    else:
        scaler.step(optimizer)
        scaler.update()
    optimizer.zero_grad()
    training.averager.after_step()


def _reported(training: Training[C], loss: Tensor, output: Tensor, batch: Batch, plain: C) -> Tensor:
    if plain is training.settings and batch.weights is None:
        return loss.detach()
    return training.recipe.loss(output.detach(), replace(batch, weights=None), plain)


def evaluate(
    model: nn.Module,
    feed: Feed,
    meter: Meter,
    loss: Callable[[Tensor, Batch], Tensor],
    autocast: Autocast,
    forward: Forward | None = None,
) -> Values:
    """Measure ``model`` on every row of ``feed``, dropout off and batch norm frozen.

    ``forward`` computes its output where that is not the model itself.
    """
    model.eval()
    with torch.inference_mode():
        for batch in feed:
            with autocast():
                output = (forward or model)(batch.inputs)
                value = loss(output, batch)
            meter.add(value, output, batch.targets)
        return meter.values()
