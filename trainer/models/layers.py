"""Layers that the models share; dropout draws from the trial's own generator."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn

from trainer.settings import ModelSettings

ACTIVATIONS: Mapping[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "elu": nn.ELU,
    "tanh": nn.Tanh,
}


class Dropout(nn.Module):
    """Inverted dropout: in training a unit is zero with probability ``p``, else divided by ``1 - p``.

    Draws from torch's global generator until `draw_from` names another one. A deep copy draws from the same
    generator as the original. Under ``torch.compile`` the graph is split here, since a compiled graph cannot
    hold a generator; the numbers drawn are the same.

    Source: Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting".
    """

    def __init__(self, p: float) -> None:
        """``p``: from 0, below 1."""
        super().__init__()
        self.p = p
        self.generator: torch.Generator | None = None

    def forward(self, inputs: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return inputs
        keep = 1 - self.p
        if inputs.is_cuda:  # where launching a kernel counts, not the drawing
            kept = torch.empty_like(inputs).bernoulli_(keep, generator=self.generator)
        else:
            # 1 with probability `keep`, else 0, in half the time of bernoulli_; bfloat16 is too coarse.
            drawn = torch.empty_like(inputs, dtype=torch.float32)
            kept = drawn.uniform_(keep, 1 + keep, generator=self.generator).floor_().to(inputs.dtype)
        return inputs * kept.div_(keep)

    def extra_repr(self) -> str:
        return f"p={self.p}"

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        twin = type(self).__new__(type(self))
        memo[id(self)] = twin
        memo[id(self.generator)] = self.generator
        twin.__dict__.update(copy.deepcopy(self.__dict__, memo))
        return twin


def draw_from(model: nn.Module, generator: torch.Generator) -> None:
    """Make every ``Dropout`` of ``model`` draw from ``generator``, which is on the model's device."""
    for module in model.modules():
        if isinstance(module, Dropout):
            module.generator = generator


def activation(settings: ModelSettings) -> nn.Module:
    """The nonlinearity, elementwise."""
    return ACTIVATIONS[settings.activation]()


def row_norm(settings: ModelSettings, units: int) -> list[nn.Module]:
    """What normalises rows (samples, units): one layer, or none."""
    match settings.norm:
        case "batch":
            return [nn.BatchNorm1d(units)]
        case "layer":
            return [nn.LayerNorm(units)]
        case _:
            return []


def image_norm(settings: ModelSettings, channels: int) -> list[nn.Module]:
    """What normalises images (samples, channels, height, width): one layer, or none.

    ``layer`` is over channels, height and width, with a scale and a shift a channel.
    """
    match settings.norm:
        case "batch":
            return [nn.BatchNorm2d(channels)]
        case "layer":
            return [nn.GroupNorm(1, channels)]
        case _:
            return []


def has_bias(settings: ModelSettings) -> bool:
    """Whether a layer in front of a norm has a bias of its own; batch norm would take it off again."""
    return settings.norm != "batch"
