"""The loss of predicting the same for every row: what a model has learnt is measured against it."""

from __future__ import annotations

import torch
from torch import Tensor

from trainer.batch import Batch
from trainer.losses import mean_loss
from trainer.settings import Settings
from trainer.signature import Signature


def constant_loss(settings: Settings, targets: Tensor, signature: Signature) -> float:
    """The mean loss of a constant: the classes' shares in ``targets``, or their mean (mae: median)."""
    constant = (_logits if signature.task == "classification" else _numbers)(settings, targets, signature)
    output = constant.expand(len(targets), -1)
    return mean_loss(output, Batch(targets, targets), settings.plain()).item()


def _logits(settings: Settings, targets: Tensor, signature: Signature) -> Tensor:
    shares = torch.bincount(targets, minlength=signature.outputs) / len(targets)
    if settings.loss == "bce":
        return shares[1:2].logit(eps=1e-6)
    return shares.clamp_min(1e-12).log()


def _numbers(settings: Settings, targets: Tensor, signature: Signature) -> Tensor:
    return targets.median(0).values if settings.loss == "mae" else targets.mean(0)
