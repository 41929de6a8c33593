"""The parts of a training, and the built-in ones.

A recipe holds no state: what changes during a training is in the objects its parts return, and those belong
to the loop that called them. One process may therefore train several configurations with one recipe.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn, optim

from trainer import augment, data, losses, models
from trainer.baseline import constant_loss
from trainer.batch import Batch
from trainer.checks import check
from trainer.data.source import Source
from trainer.meters import Meter, build_meter
from trainer.optimisers import build_optimizer
from trainer.schedules import Length, Schedule, build_schedule
from trainer.settings import LoopSettings, Settings
from trainer.signature import Signature

C = TypeVar("C", bound=LoopSettings)


class Recipe(Protocol[C]):
    """What to train, on what, and how; the loop (``trainer.train``) does the rest.

    ``config`` is the trial's configuration, parsed into ``settings``: a frozen dataclass of your own that
    extends ``LoopSettings``. Derive from ``Standard`` to replace only some parts.
    """

    @property
    def settings(self) -> type[C]:
        """The class that the configuration is parsed into; its annotations are the rules."""

    def data(self, config: C) -> Source:
        """The data source, split and all."""

    def resolve(self, config: C, signature: Signature) -> C:
        """``config`` made definite now that the data is known; ValueError where it does not suit the data."""

    def baseline(self, config: C, targets: Tensor, signature: Signature) -> float | None:
        """The loss of always predicting the same, which a model must beat; None where there is none."""

    def build(self, config: C, signature: Signature) -> nn.Module:
        """The model on the CPU, its weights drawn from torch's global generator, which is seeded."""

    def weights(self, config: C, targets: Tensor) -> Tensor | None:
        """How much each training row counts in the loss, (rows,), 1 on average; None: all the same."""

    def augments(self, config: C) -> bool:
        """Whether ``augment`` is to be called."""

    def augment(self, batch: Batch, config: C, generator: torch.Generator) -> Batch:
        """Change a training batch at random, its inputs scaled but not yet normalised."""

    def mix(self, batch: Batch, config: C, generator: torch.Generator, signature: Signature) -> Batch:
        """Change a training batch at random, its inputs normalised."""

    def loss(self, output: Tensor, batch: Batch, config: C) -> Tensor:
        """The mean loss of a sample, a scalar; under ``config.plain()`` it is what gets reported."""

    def optimizer(self, params: Iterable[nn.Parameter], config: C) -> optim.Optimizer:
        """The optimiser of ``params``, which already lie on their device."""

    def schedule(self, optimizer: optim.Optimizer, config: C, length: Length) -> Schedule:
        """What sets the optimiser's learning rate."""

    def meter(self, config: C, signature: Signature) -> Meter:
        """What is measured in one pass over a split."""


class Standard:
    """The built-in recipe: every part reads its own keys of ``Settings``."""

    settings: type[Settings] = Settings

    def data(self, config: Settings) -> Source:
        return data.load(config)

    def resolve(self, config: Settings, signature: Signature) -> Settings:
        check(config, signature)
        return losses.resolve(config, signature)

    def baseline(self, config: Settings, targets: Tensor, signature: Signature) -> float | None:
        return constant_loss(config, targets, signature)

    def build(self, config: Settings, signature: Signature) -> nn.Module:
        return models.build(config, signature)

    def weights(self, config: Settings, targets: Tensor) -> Tensor | None:
        return losses.sample_weights(config, targets)

    def augments(self, config: Settings) -> bool:
        return bool(config.image_keys)

    def augment(self, batch: Batch, config: Settings, generator: torch.Generator) -> Batch:
        return augment.augment_images(batch, config, generator)

    def mix(self, batch: Batch, config: Settings, generator: torch.Generator, signature: Signature) -> Batch:
        classes = signature.outputs if signature.task == "classification" else None
        return augment.mix(batch, config, generator, classes)

    def loss(self, output: Tensor, batch: Batch, config: Settings) -> Tensor:
        return losses.mean_loss(output, batch, config)

    def optimizer(self, params: Iterable[nn.Parameter], config: Settings) -> optim.Optimizer:
        return build_optimizer(config, params, config.exempt)

    def schedule(self, optimizer: optim.Optimizer, config: Settings, length: Length) -> Schedule:
        return build_schedule(config, optimizer, length)

    def meter(self, config: Settings, signature: Signature) -> Meter:
        return build_meter(config, signature)
