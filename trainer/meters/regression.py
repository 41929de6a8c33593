"""Metrics of numbers, in the targets' own unit."""

from __future__ import annotations

import torch
from torch import Tensor

from trainer.meters.meter import HoldingMeter, Values


class NumberMeter(HoldingMeter):
    """``loss``, ``mae``, ``mse``, ``rmse`` and ``r2``.

    Outputs and targets are (rows, outputs), both in units of ``scale``; a single output may lack its axis.

    - ``mae``, ``mse``, ``rmse``: over all rows and outputs, in the targets' own unit (mse: its square).
    - ``r2``: 1 - sum (y - prediction)^2 / sum (y - mean y)^2, the mean over the outputs; an output whose
      targets are all equal has 1 if it is predicted exactly, else 0.
    """

    def __init__(self, scale: float) -> None:
        super().__init__()
        self._scale = scale

    @torch.inference_mode()
    def values(self) -> Values:
        sums = self.with_folded(self.sums_of(*self.held())).view(4, -1)
        absolute, squared, total, squares = sums.unbind()
        variation = squares - total.square() / self.samples
        # Rounding leaves something of the variation of equal targets.
        varied = variation > 1e-12 * squares
        r2 = torch.where(varied, 1 - squared / torch.where(varied, variation, 1), (squared == 0).double())
        mse = squared.mean() * (self._scale**2 / self.samples)
        mae = absolute.mean() * (self._scale / self.samples)
        return {**super().values(), "mae": mae, "mse": mse, "rmse": mse.sqrt(), "r2": r2.mean()}

    def sums_of(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """Of each output the sums of |error|, error^2, target and target^2, one after the other, float64."""
        numbers = targets.double().view(len(targets), -1)
        errors = outputs.double().view_as(numbers) - numbers
        return torch.stack([errors.abs(), errors.square(), numbers, numbers.square()]).sum(1).flatten()
