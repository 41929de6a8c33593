"""Mixup and cutmix: rows mixed with other rows of the batch, targets in the same proportion.

Sources: Zhang et al. 2018, "mixup: beyond empirical risk minimization"; Yun et al. 2019, "CutMix:
regularization strategy to train strong classifiers with localizable features".
"""

from __future__ import annotations

import torch
from torch import Tensor

from trainer.augment.erasing import within
from trainer.batch import Batch
from trainer.settings import AugmentSettings


def mix(batch: Batch, settings: AugmentSettings, generator: torch.Generator, classes: int | None) -> Batch:
    """``batch`` mixed by mixup, by cutmix, or by either with equal chances where both are set.

    Row i becomes s * row i + (1 - s) * row i-1, and its target too; each class of it keeps the weight of its
    row, so that the loss is s times the one's weighted loss and 1 - s times the other's. The rows come in
    random order, so the one before is a random one. Mixup draws s from Beta(mixup, mixup). Cutmix, for
    images, puts a rectangle of the other image into this one, of the area 1 - s for s from Beta(cutmix,
    cutmix) before it is cut off at the border; s is then what was left. Both are drawn once a batch.

    Args:
        batch: its targets become probabilities (samples, classes) float32 if they were classes.
        settings: ``mixup`` and ``cutmix``; 0 is off, and with both off ``batch`` is returned as it is.
        generator: on the device of the batch.
        classes: how many there are; None where targets are numbers.
    """
    if not (settings.mixup or settings.cutmix):
        return batch
    own = shares(batch.inputs, settings, generator)
    share = own.mean()
    targets = batch.targets if classes is None else probabilities(batch.targets, classes)
    weights = batch.weights
    if weights is not None:
        each = targets * weights.unsqueeze(1)
        weights = torch.maximum(each, each.roll(1, 0))
    return Batch(blend(batch.inputs, own), blend(targets, share), weights)


def blend(rows: Tensor, own: Tensor) -> Tensor:
    """Each row and the one before it, in the shares ``own`` and 1 - own."""
    return torch.lerp(rows.roll(1, 0), rows, own.to(rows.dtype))


def shares(inputs: Tensor, settings: AugmentSettings, generator: torch.Generator) -> Tensor:
    """How much of an input is its own: a scalar, or (height, width) where a rectangle is another's."""
    if not settings.cutmix:
        return beta(settings.mixup, generator, inputs.device)
    height, width = inputs.shape[-2:]
    outside = uncovered(height, width, beta(settings.cutmix, generator, inputs.device), generator)
    if not settings.mixup:
        return outside
    # The coin stays on the device: to know it here would mean to wait for it.
    coin = torch.rand((), generator=generator, device=inputs.device) < 0.5
    return torch.where(coin, beta(settings.mixup, generator, inputs.device), outside)


def uncovered(height: int, width: int, share: Tensor, generator: torch.Generator) -> Tensor:
    """(height, width): 0 in a rectangle of the image's proportions, 1 outside of it.

    It covers 1 - ``share`` of the area; what is beyond the border, its centre being anywhere, is cut off.
    """
    side = (1 - share).sqrt()
    centre = torch.rand(2, generator=generator, device=share.device)
    spans = []
    for pixels, place in zip((height, width), centre, strict=True):
        size = (side * pixels).floor()
        start = (place * pixels).floor() - (size / 2).floor()
        spans.append(within(pixels, start.view(1), size.view(1)))
    return 1 - (spans[0].view(-1, 1) & spans[1]).float()


def probabilities(targets: Tensor, classes: int) -> Tensor:
    """Classes (samples,) as probabilities (samples, classes) float32; those that are already stay."""
    if targets.is_floating_point():
        return targets
    return (targets.unsqueeze(1) == torch.arange(classes, device=targets.device)).float()


def beta(alpha: float, generator: torch.Generator, device: torch.device) -> Tensor:
    """A draw from Beta(alpha, alpha), a scalar on ``device``.

    Two gammas G make it, G1 / (G1 + G2). Of a small alpha they are too small for a float, but not their
    logarithms: G(alpha) is distributed as G(alpha + 1) * U^(1 / alpha) with U uniform.
    """
    gamma = torch._standard_gamma(torch.full((2,), alpha + 1.0, device=device), generator=generator)
    uniform = 1 - torch.rand(2, generator=generator, device=device)  # above 0
    first, second = (gamma.log() + uniform.log() / alpha).unbind()
    return torch.sigmoid(first - second)
