"""How the learning rate changes from step to step and from epoch to epoch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from torch import optim

from trainer.settings import ScheduleSettings


@dataclass(frozen=True)
class Length:
    """How long a training is at most: ``epochs`` of ``steps`` optimiser steps each."""

    epochs: int
    steps: int


class Schedule(Protocol):
    """Sets the learning rate of an optimiser."""

    def before_step(self) -> None:
        """Called before every optimiser step."""

    def after_epoch(self, val_loss: float) -> None:
        """Called when an epoch has been validated."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any]) -> None: ...


class Constant:
    def before_step(self) -> None:
        pass

    def after_epoch(self, val_loss: float) -> None:
        pass

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        pass


def build_schedule(settings: ScheduleSettings, optimizer: optim.Optimizer, length: Length) -> Schedule:
    """The schedule of ``optimizer``."""
    return Constant()
