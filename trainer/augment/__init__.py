"""Random changes of training batches, on their device, drawn from the trial's own generator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from trainer.augment import colour, erasing, geometry
from trainer.augment.mixing import mix
from trainer.batch import Batch
from trainer.settings import AugmentSettings

__all__ = ["augment_images", "mix"]

Step = Callable[[Tensor, Any, torch.Generator], Tensor]  # images and how much or often they are changed


def augment_images(batch: Batch, settings: AugmentSettings, generator: torch.Generator) -> Batch:
    """``batch`` with every image changed in its own way: mirrored, shifted, rotated, recoloured, erased.

    Images are (samples, channels, height, width), pixels about 0 to 1, before they are normalised; zeros come
    in where an image is moved away or erased. ``generator`` is on the images' device.
    """
    steps: tuple[tuple[Step, Any], ...] = (
        (geometry.flip, settings.flip),
        (geometry.crop, settings.crop_padding),
        (geometry.rotate, settings.rotation),
        (colour.brightness, settings.brightness),
        (colour.contrast, settings.contrast),
        (colour.saturation, settings.saturation),
        (erasing.erase, settings.erasing),
    )
    images = batch.inputs
    for step, strength in steps:
        if strength:
            images = step(images, strength, generator)
    return replace(batch, inputs=images)
