"""The area under the ROC curve, exactly, by sorting whole numbers."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

_SIGN = -(2**31)


def auroc(scores: Tensor, positive: Tensor) -> Tensor:
    """The area under each row's ROC curve, (rows,) float64; NaN where a row lacks either kind, or has NaN.

    It is the share of pairs of a positive and a negative whose positive has the larger score, a tie counting
    one half: the Mann-Whitney statistic, which ranks of equal scores averaged give (Hanley and McNeil 1982).

    Args:
        scores: (rows, samples) float32, none above 0, such as the logarithms of probabilities.
        positive: (rows, samples) bool.
    """
    # Without their sign, the bits of numbers up to 0 order by magnitude. The bit that becomes free breaks
    # ties, once against the positives and once for them; the mean of the two orders is that of average ranks.
    keys = ((scores.view(torch.int32) << 1) ^ _SIGN) | positive
    samples = scores.shape[1]
    twice = (_sorted(keys) & 1) - (_sorted(keys ^ 1) & 1) + 1
    below = torch.arange(samples - 1, -1, -1, dtype=torch.float64, device=scores.device)
    positives = positive.sum(1).double()
    won = twice.double() @ below - positives * (positives - 1)  # pairs, each counted twice
    return won / (positives * (samples - positives) * 2) + scores.amax(1) * 0


def _sorted(keys: Tensor) -> Tensor:
    """Each row in rising order. NumPy sorts whole numbers 10 to 30 times as fast as torch on a CPU."""
    if keys.device.type == "cpu":
        return torch.from_numpy(np.sort(keys.numpy(), axis=1))
    return keys.sort(dim=1).values
