"""One batch on the device."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Batch:
    """Inputs (samples, *input_shape) float32 and targets.

    Attributes:
        targets: classes (samples,) int64, or their probabilities (samples, classes) float32 where rows were
            mixed; numbers (samples, outputs) float32.
        weights: how much each sample counts in the loss that is minimised, (samples,), 1 on average over
            the training split; where classes were mixed (samples, classes), how much each class of a sample
            counts; None is the same for all.
    """

    inputs: Tensor
    targets: Tensor
    weights: Tensor | None = None

    def __len__(self) -> int:
        return len(self.targets)
