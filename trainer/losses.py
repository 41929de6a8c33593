"""What is minimised, and what is reported."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import cross_entropy

from trainer.config import Settings


def objective(settings: Settings, logits: Tensor, targets: Tensor) -> Tensor:
    """The scalar to minimise: mean cross-entropy of logits (samples, classes), with label smoothing."""
    return cross_entropy(logits, targets, label_smoothing=settings.label_smoothing)


def reported(settings: Settings, minimised: Tensor, logits: Tensor, targets: Tensor) -> Tensor:
    """The mean cross-entropy without smoothing, detached: it compares between configurations and splits."""
    if settings.label_smoothing == 0:
        return minimised.detach()
    return cross_entropy(logits.detach(), targets)
