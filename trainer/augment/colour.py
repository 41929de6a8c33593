"""What pixels are worth: brightness, contrast and saturation.

Nothing is cut off at 0 and 1, so that every change stays linear in the pixels, whatever their range.
"""

from __future__ import annotations

import torch
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)  # of red, green and blue: ITU-R BT.601


def brightness(images: Tensor, amount: float, generator: torch.Generator) -> Tensor:
    """Each image times its own factor from 1 - amount to 1 + amount."""
    return images * factors(images, amount, generator)


def contrast(images: Tensor, amount: float, generator: torch.Generator) -> Tensor:
    """Each image's distances from its mean grey, times its own factor from 1 - amount to 1 + amount."""
    mean = grey(images).mean((2, 3), keepdim=True)
    return torch.lerp(mean, images, factors(images, amount, generator))


def saturation(images: Tensor, amount: float, generator: torch.Generator) -> Tensor:
    """Each pixel's distance from its grey, times its image's factor; images of other than 3 channels stay."""
    if images.shape[1] != len(LUMA):
        return images
    return torch.lerp(grey(images), images, factors(images, amount, generator))


def grey(images: Tensor) -> Tensor:
    """(samples, 1, height, width): the luma of three channels, the mean of any other number."""
    if images.shape[1] != len(LUMA):
        return images.mean(1, keepdim=True)
    return LUMA[0] * images[:, 0:1] + LUMA[1] * images[:, 1:2] + LUMA[2] * images[:, 2:3]


def factors(images: Tensor, amount: float, generator: torch.Generator) -> Tensor:
    """A factor from 1 - amount to 1 + amount for each image, (samples, 1, 1, 1)."""
    drawn = torch.rand(len(images), 1, 1, 1, generator=generator, device=images.device, dtype=images.dtype)
    return 1 + amount * (2 * drawn - 1)
