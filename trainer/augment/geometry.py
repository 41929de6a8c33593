"""Where pixels lie: mirror images, shifts and rotations."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional


def flip(images: Tensor, probability: float, generator: torch.Generator) -> Tensor:
    """Each image mirrored left to right with ``probability``."""
    chosen = torch.rand(len(images), 1, 1, 1, generator=generator, device=images.device) < probability
    columns = torch.arange(images.shape[-1], device=images.device)
    # Picking columns is several times as fast as choosing between images.
    return images.gather(3, torch.where(chosen, columns.flip(0), columns).expand(images.shape))


def crop(images: Tensor, padding: int, generator: torch.Generator) -> Tensor:
    """A cut-out of the image's own size, anywhere in the image with a border of ``padding`` zeros."""
    corners = torch.randint(2 * padding + 1, (2, len(images)), generator=generator, device=images.device)
    return cut(images, padding, corners[0], corners[1])


def cut(images: Tensor, padding: int, top: Tensor, left: Tensor) -> Tensor:
    """The cut-outs whose corners are at ``top`` and ``left``, (samples,) int64 from 0 to 2 * padding."""
    samples, _, height, width = images.shape
    padded = functional.pad(images, (padding,) * 4)
    windows = padded.unfold(2, height, 1).unfold(3, width, 1)  # a view: no window is copied yet
    return windows[torch.arange(samples, device=images.device), :, top, left]


def rotate(images: Tensor, degrees: float, generator: torch.Generator) -> Tensor:
    """Each image turned about its centre by up to ``degrees`` to either side."""
    turns = torch.rand(len(images), generator=generator, device=images.device) * 2 - 1
    return rotated(images, turns * math.radians(degrees))


def rotated(images: Tensor, angles: Tensor) -> Tensor:
    """Images turned counter-clockwise by ``angles``, (samples,) in radians: bilinear, zeros from outside."""
    height, width = images.shape[-2:]
    x = _centres(width, images.device)
    y = _centres(height, images.device).unsqueeze(1)
    cosine, sine = angles.cos().view(-1, 1, 1), angles.sin().view(-1, 1, 1)
    # Both axes run from -1 to 1 whatever their length, hence the ratios. Written out, since affine_grid
    # multiplies matrices, of 10 bits on a GPU with TF32.
    columns = cosine * x - sine * y * (height / width)
    rows = sine * x * (width / height) + cosine * y
    grid = torch.stack((columns, rows), -1).to(images.dtype)
    return functional.grid_sample(images, grid, "bilinear", "zeros", align_corners=False)


def _centres(pixels: int, device: torch.device) -> Tensor:
    """The centres of ``pixels`` pixels between -1 and 1."""
    return (torch.arange(pixels, device=device) * 2 + 1) / pixels - 1
