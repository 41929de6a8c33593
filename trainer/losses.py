"""What is minimised, and what is reported."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import cross_entropy

from trainer.batch import Batch
from trainer.settings import LossSettings


def mean_loss(output: Tensor, batch: Batch, settings: LossSettings) -> Tensor:
    """The scalar to minimise."""
    return cross_entropy(output, batch.targets, label_smoothing=settings.label_smoothing)


def sample_weights(settings: LossSettings, targets: Tensor) -> Tensor | None:
    """The weight of each training row, (rows,), 1 on average; None where all count the same."""
    return None
