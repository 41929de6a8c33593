"""Averages of the weights over the steps: what is evaluated and kept instead of the weights themselves."""

from __future__ import annotations

from typing import Any

from torch import nn

from trainer.feed import Feed
from trainer.settings import LoopSettings


class Averager:
    """``model`` is what is evaluated, checkpointed and exported; without averaging it is the trained one."""

    def __init__(self, settings: LoopSettings, trained: nn.Module, max_epochs: int) -> None:
        self.model = trained

    def after_step(self) -> None:
        """Called after every optimiser step."""

    def after_epoch(self, epoch: int, rows: Feed) -> None:
        """Called after epoch ``epoch`` (from 1), before it is validated; ``rows``: the training split."""

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None: ...
