"""A small convolutional network."""

from __future__ import annotations

from torch import nn

from trainer.models.layers import Dropout, activation, has_bias, image_norm
from trainer.settings import ModelSettings
from trainer.signature import Signature


def cnn(settings: ModelSettings, signature: Signature, outputs: int) -> nn.Module:
    """``depth`` blocks: convolution, norm, activation and, while the image is above 2x2, max pooling by 2.

    The first block has ``channels`` channels; they double after each pooling. Then global average pooling or
    none, dropout and the classifier.
    """
    given, height, width = signature.input_shape
    channels = settings.channels
    layers: list[nn.Module] = []
    for _ in range(settings.depth):
        halve = min(height, width) > 2
        layers += _block(settings, given, channels, halve)
        given = channels
        if halve:
            height, width, channels = height // 2, width // 2, channels * 2
    if settings.pooling == "global":
        layers.append(nn.AdaptiveAvgPool2d(1))
        height = width = 1
    layers += [nn.Flatten(), Dropout(settings.dropout), nn.Linear(given * height * width, outputs)]
    return nn.Sequential(*layers)


def _block(settings: ModelSettings, given: int, channels: int, halve: bool) -> list[nn.Module]:
    kernel = settings.kernel
    return [
        nn.Conv2d(given, channels, kernel, padding=kernel // 2, bias=has_bias(settings)),
        *image_norm(settings, channels),
        activation(settings),
        *([nn.MaxPool2d(2)] if halve else []),
    ]
