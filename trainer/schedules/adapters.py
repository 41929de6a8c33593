"""Schedules of torch.optim.lr_scheduler, for a recipe of one's own."""

from __future__ import annotations

from typing import Any

from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau


class PerEpoch:
    """``scheduler`` steps after every epoch; ReduceLROnPlateau gets the validation loss."""

    def __init__(self, scheduler: LRScheduler) -> None:
        self._scheduler = scheduler

    def before_step(self) -> None:
        """The rate stays within an epoch."""

    def after_epoch(self, val_loss: float) -> None:
        """Set the rate of the next epoch."""
        if isinstance(self._scheduler, ReduceLROnPlateau):
            self._scheduler.step(val_loss)
        else:
            self._scheduler.step()

    def state_dict(self) -> dict[str, Any]:
        return self._scheduler.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._scheduler.load_state_dict(state)


class PerStep:
    """``scheduler`` steps between every two steps of the optimiser; its first rate is the first step's."""

    def __init__(self, scheduler: LRScheduler) -> None:
        self._scheduler = scheduler
        self._stepped = False

    def before_step(self) -> None:
        """Set the rate of the coming step, unless it is the first."""
        if self._stepped:
            self._scheduler.step()
        self._stepped = True

    def after_epoch(self, val_loss: float) -> None:
        """The rate does not depend on epochs."""

    def state_dict(self) -> dict[str, Any]:
        return {"scheduler": self._scheduler.state_dict(), "stepped": self._stepped}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._scheduler.load_state_dict(state["scheduler"])
        self._stepped = state["stepped"]
