"""Random erasing: a rectangle of zeros.

Source: Zhong et al. 2020, "Random erasing data augmentation": 2 to 33 % of the area, height to width between
0.3 and 1 / 0.3.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

AREA = (0.02, 0.33)
RATIO = 0.3  # the ratio of the sides is as often above 1 as below: its logarithm is uniform


def erase(images: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """Each image with one rectangle set to 0, with ``probability``."""
    drawn = torch.rand(5, len(images), generator=generator, device=images.device)
    height, width = images.shape[-2:]
    tall, wide = sides(height, width, drawn[0], drawn[1])
    top = (drawn[2] * (height - tall + 1)).floor()
    left = (drawn[3] * (width - wide + 1)).floor()
    rows = within(height, top, tall).unsqueeze(2)
    columns = within(width, left, wide).unsqueeze(1)
    hit = (drawn[4] < probability).view(-1, 1, 1)
    return images.masked_fill((rows & columns & hit).unsqueeze(1), 0.0)


def sides(height: int, width: int, area: Tensor, ratio: Tensor) -> tuple[Tensor, Tensor]:
    """Whole heights and widths of rectangles that fit into the image, from uniform numbers (samples,).

    A ratio that does not fit is moved to the nearest that does, so the area keeps to its limits but for
    rounding to pixels.
    """
    share = AREA[0] + (AREA[1] - AREA[0]) * area
    logs = (2 * ratio - 1) * math.log(1 / RATIO)
    shape = (height / width) * share
    relative = logs.exp().clamp(min=shape, max=(height / width) / share)
    pixels = share * (height * width)
    return (
        (pixels * relative).sqrt().round().clamp(1, height),
        (pixels / relative).sqrt().round().clamp(1, width),
    )


def within(length: int, start: Tensor, size: Tensor) -> Tensor:
    """Which of ``length`` places lie from ``start`` on and before ``start + size``: (samples, length)."""
    places = torch.arange(length, device=start.device)
    begin = start.unsqueeze(1)
    return (places >= begin) & (places < begin + size.unsqueeze(1))
