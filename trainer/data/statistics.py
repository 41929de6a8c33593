"""Means and deviations of the training split, for inputs and targets."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.data.source import Normaliser

BYTE = 1 / 255
CHUNK = 4096  # images counted at a time: bytes become eight times as large while they are

Floats = NDArray[np.float64]


def normaliser(inputs: NDArray[Any], scale: float, *, normalise: bool) -> Normaliser:
    """Of the training inputs (rows, *shape) before they are multiplied by ``scale``.

    The statistics are per channel for images (rows, channels, height, width), per column for all else; what
    is constant gets the deviation 1 and so becomes 0. ``normalise=False`` only scales.
    """
    if not normalise:
        return Normaliser(scale)
    mean, deviation = moments(inputs)
    return Normaliser(scale, _tensor(mean * scale), _tensor(np.where(deviation == 0, 1.0, deviation * scale)))


def moments(inputs: NDArray[Any]) -> tuple[Floats, Floats]:
    """Mean and deviation, (channels, 1, 1) for images, else (*shape); 0 where nothing varies."""
    if inputs.ndim == 4 and inputs.dtype == np.uint8:
        return _of_bytes(inputs)
    axes = (0, 2, 3) if inputs.ndim == 4 else (0,)
    keep = (*inputs.shape[1:2], 1, 1) if inputs.ndim == 4 else inputs.shape[1:]
    mean = inputs.mean(axes, dtype=np.float64)
    # The deviation of equal numbers is rounding noise, not always 0.
    varies = inputs.max(axes) > inputs.min(axes)
    deviation = np.where(varies, inputs.std(axes, dtype=np.float64), 0.0)
    return mean.reshape(keep), deviation.reshape(keep)


def standardised(targets: Floats, train: Floats) -> tuple[NDArray[np.float32], float]:
    """Numbers to predict (rows, outputs) with mean 0 and deviation 1 over ``train``, and that deviation.

    Several outputs share one deviation, the root of their mean variance, so that an error keeps its meaning.
    """
    scale = float(np.sqrt(np.square(moments(train)[1]).mean())) or 1.0
    return ((targets - train.mean(0)) / scale).astype(np.float32), scale


def _of_bytes(images: NDArray[np.uint8]) -> tuple[Floats, Floats]:
    channels = images.shape[1]
    counts = np.zeros((channels, 256), np.int64)
    for start in range(0, len(images), CHUNK):
        for channel in range(channels):
            counts[channel] += np.bincount(images[start : start + CHUNK, channel].ravel(), minlength=256)
    values, total = np.arange(256), counts.sum(1)
    mean = counts @ values / total
    variance = (counts * np.square(values - mean[:, None])).sum(1) / total
    return mean.reshape(-1, 1, 1), np.sqrt(variance).reshape(-1, 1, 1)


def _tensor(values: Floats) -> torch.Tensor:
    return torch.from_numpy(values.astype(np.float32))
