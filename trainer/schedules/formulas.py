"""The share of the base learning rate at a step, as plain functions of the settings and the place in time.

Epochs and steps count from 0 in here. A warm-up stands in front; what follows it counts its epochs from the
warm-up's end and is as long as what remains, but for ``step`` and ``multistep``, whose epochs are those of
the whole training, and so are those of ``plateau``, which needs the losses (see ``schedule``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from trainer.rules import wholes
from trainer.settings import ScheduleSettings


@dataclass(frozen=True)
class Length:
    """How long a training is at most: ``epochs`` of ``steps`` optimiser steps each."""

    epochs: int
    steps: int


def factor(settings: ScheduleSettings, length: Length, epoch: int, step: int = 0) -> float:
    """The share of the base rate at ``step`` of ``epoch``, both from 0; plateau's falls are left out.

    With the length ``E`` and the epoch ``e`` after a warm-up, ``end`` for ``end_factor``:

    step           gamma ** (epoch // step_epochs)
    multistep      gamma ** (number of milestones <= epoch)
    exponential    gamma ** e
    polynomial     end + (1 - end) * (1 - e / E) ** power
    cosine         end + (1 - end) * (1 + cos(pi * e / E)) / 2, Loshchilov & Hutter 2017, "SGDR"; with
                   restarts, e is that since the last one and E the length of its cycle
    one_cycle      see `one_cycle`; by the step
    """
    after = epoch - settings.warmup_epochs
    counted = epoch if settings.schedule in REAL_EPOCHS else max(after, 0)
    rest = Length(length.epochs - settings.warmup_epochs, length.steps)
    share = FORMULAS[settings.schedule](settings, rest, counted, step if after >= 0 else 0)
    return share if after >= 0 else share * warmup(settings, length, epoch, step)


def changes_by_step(settings: ScheduleSettings, epoch: int) -> bool:
    """Whether the rate changes within ``epoch``, counted from 0."""
    return epoch < settings.warmup_epochs or settings.schedule == "one_cycle"


def warmup(settings: ScheduleSettings, length: Length, epoch: int, step: int) -> float:
    """Straight from ``warmup_start`` at the very first step to 1 at the first one after the warm-up."""
    passed = (epoch * length.steps + step) / (settings.warmup_epochs * length.steps)
    return between(settings.warmup_start, 1.0, passed)


def constant(settings: ScheduleSettings, length: Length, epoch: int, step: int) -> float:
    return 1.0


def falling(settings: ScheduleSettings, length: Length, epoch: int, step: int) -> float:
    assert settings.step_epochs is not None  # by ScheduleSettings.conflicts
    return settings.gamma ** (epoch // settings.step_epochs)


def multistep(settings: ScheduleSettings, length: Length, epoch: int, step: int) -> float:
    assert settings.milestones is not None  # by ScheduleSettings.conflicts
    return settings.gamma ** sum(milestone <= epoch for milestone in wholes(settings.milestones))


def exponential(settings: ScheduleSettings, length: Length, epoch: int, step: int) -> float:
    return settings.gamma**epoch


def polynomial(settings: ScheduleSettings, length: Length, epoch: int, step: int) -> float:
    return between(1.0, settings.end_factor, 1 - (1 - epoch / length.epochs) ** settings.power)


def cosine(settings: ScheduleSettings, length: Length, epoch: int, step: int) -> float:
    cycle = settings.restart_epochs or length.epochs
    while epoch >= cycle:
        epoch -= cycle
        cycle *= settings.restart_factor
    return annealed(1.0, settings.end_factor, epoch / cycle)


def one_cycle(settings: ScheduleSettings, length: Length, epoch: int, step: int) -> float:
    """Up from ``1 / start_divisor`` to 1, then down to that over ``end_divisor``, both along a cosine.

    The share ``rise`` of all steps leads up; the end is reached with the last step. Source: Smith & Topin
    2018, "Super-convergence", with a cosine in place of straight lines.
    """
    steps = length.epochs * length.steps
    now, top = epoch * length.steps + step, settings.rise * steps - 1
    start = 1 / settings.start_divisor
    if now < top:
        return annealed(start, 1.0, now / top)
    return annealed(1.0, start / settings.end_divisor, min((now - top) / (steps - 1 - top), 1.0))


def annealed(start: float, end: float, passed: float) -> float:
    """From ``start`` to ``end`` along half a cosine, when the share ``passed`` of the way is done."""
    return end + (start - end) * (1 + math.cos(math.pi * passed)) / 2


def between(start: float, end: float, passed: float) -> float:
    """The point on the straight line from ``start`` to ``end``."""
    return start + (end - start) * passed


Formula = Callable[[ScheduleSettings, Length, int, int], float]
FORMULAS: Mapping[str, Formula] = {
    "constant": constant,
    "step": falling,
    "multistep": multistep,
    "exponential": exponential,
    "cosine": cosine,
    "one_cycle": one_cycle,
    "polynomial": polynomial,
    "plateau": constant,
}
REAL_EPOCHS = ("step", "multistep")
