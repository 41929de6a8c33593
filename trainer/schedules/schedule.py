"""The learning rate of an optimiser, set before its steps."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from torch import optim

from trainer.checks import too_long_a_warmup
from trainer.schedules.formulas import Length, changes_by_step, factor
from trainer.settings import ScheduleSettings


class Schedule(Protocol):
    """Sets the learning rate of an optimiser."""

    def before_step(self) -> None:
        """Called before every optimiser step."""

    def after_epoch(self, val_loss: float) -> None:
        """Called when an epoch has been validated."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


def build_schedule(settings: ScheduleSettings, optimizer: optim.Optimizer, length: Length) -> Schedule:
    """The schedule of ``optimizer``, whose rates at this moment are the base ones.

    Raises ValueError where the warm-up leaves no epoch.
    """
    if settings.warmup_epochs >= length.epochs:
        raise ValueError(too_long_a_warmup(settings.warmup_epochs, length.epochs))
    return Configured(settings, optimizer, length)


@dataclass
class Place:
    """Where a training stands, and what the validation losses so far make of the rate.

    Attributes:
        epoch, step: of the coming step, from 0; steps are counted only where the rate changes by the step.
        best: the lowest validation loss so far, by the rule of `Configured.after_epoch`.
        bad: epochs since the best, or since the last fall.
        falls: how often the rate fell.
    """

    epoch: int = 0
    step: int = 0
    best: float = math.inf
    bad: int = 0
    falls: int = 0


class Configured:
    """The rate is each group's base rate times `factor`, times plateau's falls.

    It is set before the step it is for and stays till then, so that after an epoch the optimiser shows the
    rate of its last step; where it stays for a whole epoch, every further call costs next to nothing.
    """

    def __init__(self, settings: ScheduleSettings, optimizer: optim.Optimizer, length: Length) -> None:
        self._settings = settings
        self._length = length
        self._optimizer = optimizer
        self._bases = [float(group["lr"]) for group in optimizer.param_groups]
        self._place = Place()
        self._due = True

    def before_step(self) -> None:
        """Set the rate of the coming step."""
        if not self._due:
            return
        settings, place = self._settings, self._place
        share = factor(settings, self._length, place.epoch, place.step) * settings.plateau_factor**place.falls
        for group, base in zip(self._optimizer.param_groups, self._bases, strict=True):
            group["lr"] = base * share
        self._due = changes_by_step(settings, place.epoch)
        if self._due:
            place.step += 1

    def after_epoch(self, val_loss: float) -> None:
        """The next epoch begins; under ``plateau`` a loss that is not better brings the next fall closer.

        Better is lower than the best by more than the share ``plateau_threshold``; NaN never is.
        """
        place, settings = self._place, self._settings
        place.epoch, place.step, self._due = place.epoch + 1, 0, True
        if settings.schedule != "plateau":
            return
        if val_loss < place.best * (1 - settings.plateau_threshold):
            place.best, place.bad = val_loss, 0
            return
        place.bad += 1
        if place.bad > settings.plateau_patience:
            place.bad, place.falls = 0, place.falls + 1

    def state_dict(self) -> dict[str, Any]:
        """Plain numbers; the base rates are the configuration's."""
        return asdict(self._place)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._place = Place(**state)
        self._due = True
