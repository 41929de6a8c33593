"""Means over a whole split, weighted by samples, summed up on the device."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


class Tally:
    """Adds up the batches of a pass without waiting for the device."""

    def __init__(self) -> None:
        self._losses: list[Tensor] = []  # each the sum over its batch
        self._correct: list[Tensor] = []
        self.samples = 0

    def add(self, loss: Tensor, logits: Tensor, targets: Tensor) -> None:
        """One batch: ``loss`` its mean (scalar), logits (samples, classes), targets (samples,)."""
        self._losses.append(loss * len(targets))
        self._correct.append((logits.argmax(1) == targets).sum())
        self.samples += len(targets)

    def sums(self) -> Tensor:
        """Summed loss and number of correct samples: (2,) float32 on the device."""
        return torch.stack((torch.stack(self._losses).sum(), torch.stack(self._correct).sum()))


@dataclass(frozen=True)
class Scores:
    """Mean loss a sample and accuracy, 0 to 1, over a whole split."""

    loss: float
    accuracy: float

    @classmethod
    def read(cls, *tallies: Tally) -> list[Scores]:
        """Bring the sums of several passes from the device at once: the only wait of an epoch."""
        sums = torch.stack([tally.sums() for tally in tallies]).tolist()
        return [
            cls(loss / tally.samples, correct / tally.samples)
            for tally, (loss, correct) in zip(tallies, sums, strict=True)
        ]
