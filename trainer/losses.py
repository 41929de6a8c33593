"""What is minimised, and what is reported."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor
from torch.nn import functional

from trainer.batch import Batch
from trainer.settings import LossSettings
from trainer.signature import Signature

S = TypeVar("S", bound=LossSettings)


def resolve(settings: S, signature: Signature) -> S:
    """``settings`` with a definite loss in place of ``auto``."""
    if settings.loss != "auto":
        return settings
    return replace(settings, loss="cross_entropy" if signature.task == "classification" else "mse")


def mean_loss(output: Tensor, batch: Batch, settings: LossSettings) -> Tensor:
    """The mean loss of a sample, a scalar, computed in float32 where ``output`` is of half precision.

    Each sample's loss is multiplied by its weight first, and the sum divided by the number of samples, not
    by the sum of their weights: a sample then counts the same whatever batch it is in.

    Args:
        output: (samples, classes) logits for cross_entropy, (samples, 1) or (samples,) for bce, whose
            targets are classes 0 and 1 or the probabilities of both; numbers shaped as the targets else.
        batch: its inputs are not looked at.
        settings: of a definite loss, see `resolve`; ``auto`` is cross_entropy for int64 targets, else mse.
    """
    if output.dtype in (torch.bfloat16, torch.float16):
        output = output.float()
    if batch.weights is None:
        return _loss(output, batch.targets, settings, "mean")
    if batch.weights.ndim == 2:
        return _weighted_classes(output, batch.targets * batch.weights, settings)
    loss = _loss(output, batch.targets, settings, "none")
    return (loss.flatten(1).mean(1) if loss.ndim > 1 else loss).mul(batch.weights).mean()


def sample_weights(settings: LossSettings, targets: Tensor) -> Tensor | None:
    """The weight of each training row, (rows,) float32, 1 on average; None where all count the same.

    ``balanced``: rows / (classes * rows of its class), over the classes that occur in ``targets``, (rows,)
    int64, so that every class weighs the same in all.
    """
    if settings.class_weights == "none":
        return None
    counts = torch.bincount(targets)
    weights = len(targets) / ((counts > 0).sum() * counts)  # inf for a class that no row picks
    return weights[targets].float()


def _weighted_classes(output: Tensor, terms: Tensor, settings: LossSettings) -> Tensor:
    """The loss of mixed rows: ``terms``, (samples, classes), are their probabilities times their weights."""
    if settings.loss == "bce":
        logit = output.flatten()
        terms = terms.to(output.dtype)
        losses = terms[:, 1] * functional.softplus(-logit) + terms[:, 0] * functional.softplus(logit)
        return losses.mean()
    smoothing, classes = settings.label_smoothing, terms.shape[1]
    smooth = (1 - smoothing) * terms + smoothing / classes * terms.sum(1, keepdim=True)
    return functional.cross_entropy(output, smooth.to(output.dtype))


def _loss(output: Tensor, targets: Tensor, settings: LossSettings, reduction: str) -> Tensor:
    kind = settings.loss
    classes = not targets.is_floating_point()
    if kind == "cross_entropy" or (kind == "auto" and classes):
        targets = targets if classes else targets.to(output.dtype)
        return functional.cross_entropy(
            output, targets, reduction=reduction, label_smoothing=settings.label_smoothing
        )
    if kind == "bce":
        truth = (targets if classes else targets[:, 1]).to(output.dtype)
        return functional.binary_cross_entropy_with_logits(
            output.reshape(truth.shape), truth, reduction=reduction
        )
    numbers = targets.to(output.dtype)
    output = output.reshape(numbers.shape)  # (n,) and (n, 1) would broadcast to (n, n)
    if kind == "mae":
        return functional.l1_loss(output, numbers, reduction=reduction)
    if kind == "huber":
        return functional.huber_loss(output, numbers, reduction=reduction, delta=settings.huber_delta)
    return functional.mse_loss(output, numbers, reduction=reduction)
