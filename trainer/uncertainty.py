"""What a model is unsure of, by Monte Carlo dropout."""

from __future__ import annotations

from typing import Any

from torch import nn

from trainer.data.source import Signature
from trainer.feed import Feed


def mc_dropout(model: nn.Module, feed: Feed, signature: Signature, passes: int) -> dict[str, Any]:
    """The mean prediction of ``passes`` stochastic ones and how far they spread."""
    raise NotImplementedError
