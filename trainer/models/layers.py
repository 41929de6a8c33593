"""Layers that draw random numbers from the trial's own generator."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Dropout(nn.Module):
    """Inverted dropout: in training a unit is zero with probability ``p``, else divided by ``1 - p``.

    Source: Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting".
    """

    def __init__(self, p: float) -> None:
        """``p``: from 0, below 1."""
        super().__init__()
        self.p = p
        self.generator: torch.Generator | None = None  # torch's global one until `draw_from`

    def forward(self, inputs: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return inputs
        keep = 1 - self.p
        return inputs * torch.empty_like(inputs).bernoulli_(keep, generator=self.generator).div_(keep)

    def extra_repr(self) -> str:
        return f"p={self.p}"


def draw_from(model: nn.Module, generator: torch.Generator) -> None:
    """Make every ``Dropout`` of ``model`` draw from ``generator``, which is on the model's device."""
    for module in model.modules():
        if isinstance(module, Dropout):
            module.generator = generator
