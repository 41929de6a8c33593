"""The stages of a training: what each of them makes for the next."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import torch
from torch import nn

from trainer import device
from trainer.averaging import Averager
from trainer.data.source import TestData, TrainingData
from trainer.feed import Feed, evaluation_feed, evaluation_rows, training_feed
from trainer.loop import Training, evaluate, train_epoch
from trainer.meters import Values, read
from trainer.models.layers import draw_from
from trainer.optimisers import learning_rate
from trainer.recipe import Recipe
from trainer.schedules import Length
from trainer.settings import LoopSettings
from trainer.signature import Signature
from trainer.trial import Trial
from trainer.uncertainty import dropouts, mc_dropout

C = TypeVar("C", bound=LoopSettings)
NOISE = 0x9E3779B97F4A7C15 >> 1  # sets the second generator apart from the first


@dataclass(frozen=True)
class Generators:
    """A trial's own random numbers.

    ``shuffling`` orders the rows, on the CPU and thus alike everywhere; ``noise`` is for augmentation and
    dropout, on the device.
    """

    shuffling: torch.Generator
    noise: torch.Generator


@dataclass(frozen=True)
class Feeds:
    """The batches of an epoch; ``fitted`` are the training rows in their order, without augmentation."""

    train: Feed
    validation: Feed
    fitted: Feed


def begin(settings: LoopSettings, seed: int, where: str) -> Generators:
    """Set the process up for this trial and seed its generators (0 <= seed < 2**63)."""
    device.prepare(settings, where)
    torch.manual_seed(seed)  # what the weights are drawn from
    return Generators(torch.Generator().manual_seed(seed), torch.Generator(where).manual_seed(seed ^ NOISE))


def feeds(recipe: Recipe[C], settings: C, data: TrainingData, where: str, generators: Generators) -> Feeds:
    """The batches of both splits."""
    if len(data.train) < 2:
        raise ValueError("the training split must have at least 2 rows, found 1: give more rows")
    normalise = data.normaliser.to(where)
    # Augmentation wants rows as they are; without it they are normalised once, beforehand.
    prepare = None if recipe.augments(settings) else normalise
    weights = recipe.weights(settings, data.train.targets)
    rows = evaluation_rows(settings.batch_size, data.signature)
    return Feeds(
        training_feed(
            data.train, settings, settings.batch_size, where, prepare, generators.shuffling, weights
        ),
        evaluation_feed(data.validation, settings, where, normalise, rows),
        evaluation_feed(data.train, settings, where, normalise, rows),
    )


def model(
    recipe: Recipe[C], settings: C, signature: Signature, where: str, generators: Generators
) -> nn.Module:
    """The untrained model on its device, its dropout drawing from the trial's own generator."""
    built = device.place(recipe.build(settings, signature), settings, where)
    draw_from(built, generators.noise)
    if settings.mc_dropout and not dropouts(built):
        raise ValueError(
            f"mc_dropout: {settings.mc_dropout} needs a model with dropout layers, found none: "
            "use mc_dropout: 0, or a model that has them (cnn, mlp, resnet)"
        )
    return built


def facts(recipe: Recipe[C], settings: C, data: TrainingData, model: nn.Module) -> dict[str, Any]:
    """What is recorded of a trial: its number of weights, its split, the loss that a model must beat."""
    baseline = recipe.baseline(settings, data.train.targets, data.signature)
    known = {"baseline_loss": baseline} if baseline is not None and math.isfinite(baseline) else {}
    return {"parameters": parameters(model), "split": data.digest, **known}


def parameters(model: nn.Module) -> int:
    """The number of weights that are trained."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def training(
    recipe: Recipe[C],
    settings: C,
    model: nn.Module,
    data: TrainingData,
    feeds: Feeds,
    trial: Trial,
    generators: Generators,
) -> Training[C]:
    """Everything an epoch works with."""
    optimizer = recipe.optimizer(model.parameters(), settings)
    averager = Averager(settings, model, trial.max_epochs)
    forward = device.forward_of(model, settings)
    own = averager.model is model
    steps = -(-len(feeds.train) // settings.accumulate)
    return Training(
        recipe=recipe,
        settings=settings,
        signature=data.signature,
        model=model,
        forward=forward,
        evaluated=forward if own else device.forward_of(averager.model, settings),
        optimizer=optimizer,
        schedule=recipe.schedule(optimizer, settings, Length(trial.max_epochs, steps)),
        averager=averager,
        scaler=device.gradient_scaler(settings, trial.device),
        autocast=device.autocast(settings, trial.device),
        normaliser=data.normaliser.to(trial.device) if recipe.augments(settings) else None,
        noise=generators.noise,
        watch=device.Stopwatch(trial.device, len(data.train)),
    )


def state(training: Training[C], generators: Generators) -> dict[str, Any]:
    """The objects to be checkpointed, by name; ``model`` is the one that is evaluated and exported."""
    averager = training.averager
    averaged = {} if averager.model is training.model else {"trained": training.model, "averager": averager}
    scaler = {} if training.scaler is None else {"scaler": training.scaler}
    return {
        "model": averager.model,
        "optimizer": training.optimizer,
        "scheduler": training.schedule,
        "shuffling": generators.shuffling,
        "noise": generators.noise,
        **averaged,
        **scaler,
    }


def run_epoch(
    training: Training[C], feeds: Feeds, epoch: int
) -> tuple[Mapping[str, float], Mapping[str, float]]:
    """Train and validate once; returns the figures of both splits, brought from the device at once."""
    recipe, settings, averager = training.recipe, training.settings, training.averager
    training.watch.start()
    meter = recipe.meter(settings, training.signature)
    norm = train_epoch(training, feeds.train, meter)
    training.watch.stop()
    averager.after_epoch(epoch, feeds.fitted)
    trained = _measure(training, feeds.fitted) if settings.evaluate_train else meter.values()
    validated = _measure(training, feeds.validation)
    first, second = read({**trained, "grad_norm": norm}, validated)
    return first, second


def _measure(training: Training[C], feed: Feed) -> Values:
    recipe, settings = training.recipe, training.settings
    meter = recipe.meter(settings, training.signature)
    loss = partial(recipe.loss, config=settings.plain())
    model = training.averager.model
    return evaluate(model, feed, meter, loss, training.autocast, training.evaluated)


def figures(
    training: Training[C], trained: Mapping[str, float], validated: Mapping[str, float], where: str
) -> dict[str, float]:
    """What is reported of an epoch."""
    trained = dict(trained)
    monitored = {
        "lr": learning_rate(training.optimizer),
        "grad_norm": trained.pop("grad_norm"),
        "samples_per_second": training.watch.samples_per_second(),
        "peak_memory_mb": device.peak_memory(where),
    }
    return {
        **{f"train_{name}": value for name, value in trained.items()},
        **{f"val_{name}": value for name, value in validated.items()},
        **monitored,
    }


def test(recipe: Recipe[C], settings: C, model: nn.Module, data: TestData, where: str) -> dict[str, Any]:
    """The figures of a trained model on the test split."""
    rows = evaluation_rows(settings.batch_size, data.signature)
    feed = evaluation_feed(data.test, settings, where, data.normaliser.to(where), rows)
    meter = recipe.meter(settings, data.signature)
    loss = partial(recipe.loss, config=settings.plain())
    (values,) = read(evaluate(model, feed, meter, loss, device.autocast(settings, where)))
    result = {**values, "samples": len(data.test), **meter.details(), "preprocessing": data.preprocessing()}
    if settings.mc_dropout:
        result["mc_dropout"] = mc_dropout(model, feed, data.signature, settings.mc_dropout)
    return result
