"""Models of rows: linear or logistic regression, and the multi-layer perceptron."""

from __future__ import annotations

import math

from torch import nn

from trainer.models.layers import Dropout, activation, has_bias, row_norm
from trainer.rules import wholes
from trainer.settings import ModelSettings
from trainer.signature import Signature


def linear(settings: ModelSettings, signature: Signature, outputs: int) -> nn.Module:
    """Linear regression; logistic regression where the outputs are logits."""
    return nn.Sequential(nn.Flatten(), nn.Linear(math.prod(signature.input_shape), outputs))


def mlp(settings: ModelSettings, signature: Signature, outputs: int) -> nn.Module:
    """``depth`` hidden layers of ``width`` units, or of ``widths``: linear, norm, activation, dropout."""
    units = math.prod(signature.input_shape)
    layers: list[nn.Module] = [nn.Flatten()]
    for width in hidden_widths(settings):
        layers += [
            nn.Linear(units, width, bias=has_bias(settings)),
            *row_norm(settings, width),
            activation(settings),
            Dropout(settings.dropout),
        ]
        units = width
    return nn.Sequential(*layers, nn.Linear(units, outputs))


def hidden_widths(settings: ModelSettings) -> list[int]:
    """The units of each hidden layer."""
    return [settings.width] * settings.depth if settings.widths is None else wholes(settings.widths)
