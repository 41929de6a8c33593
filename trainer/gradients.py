"""What happens to the gradients between backward and the optimiser's step."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grad_value_, clip_grads_with_norm_, get_total_norm

from trainer.settings import LoopSettings

# A norm costs as much as a tenth of a small model's step, so that only some steps are measured.
STEPS_BETWEEN_NORMS = 8
NORMS_AN_EPOCH = 4


class GradientNorm:
    """The mean L2 norm of all gradients together, before they are clipped, over some steps of an epoch.

    Every step where ``clip_norm`` has to measure it anyway, else up to four, evenly spread.
    """

    def __init__(self, settings: LoopSettings, steps: int) -> None:
        """``steps``: of the epoch."""
        self._every = 1 if settings.clip_norm else max(STEPS_BETWEEN_NORMS, steps // NORMS_AN_EPOCH)
        self._steps = steps
        self._step = 0
        self._norms: list[Tensor] = []

    def is_due(self) -> bool:
        """Whether the coming step is to be measured."""
        self._step += 1
        return self._step % self._every == 0 or (self._step == self._steps and not self._norms)

    def add(self, norm: Tensor | None) -> None:
        """The norm of one step, if it was measured."""
        if norm is not None:
            self._norms.append(norm)

    def mean(self) -> Tensor:
        """Over the steps whose gradients were finite (a float16 scaler starts with some that are not)."""
        norms = torch.stack(self._norms)
        return torch.where(norms.isfinite(), norms, torch.nan).nanmean()


def clip(settings: LoopSettings, model: nn.Module, *, measure: bool) -> Tensor | None:
    """Clip the gradients by value, then by norm, as configured; returns their norm before, if ``measure``."""
    if not measure and settings.clip_value is None and settings.clip_norm is None:
        return None
    parameters = [p for p in model.parameters() if p.grad is not None]
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = get_total_norm(gradients) if measure else None
    if settings.clip_value is not None:
        clip_grad_value_(parameters, settings.clip_value)
    if settings.clip_norm is not None:
        # Measured once where nothing lies between the measure and the clipping.
        total = norm if settings.clip_value is None and norm is not None else get_total_norm(gradients)
        clip_grads_with_norm_(parameters, settings.clip_norm, total)
    return norm


def penalty(settings: LoopSettings, model: nn.Module) -> Tensor:
    """``l1 * sum |w| + l2 / 2 * sum w^2``; under ``exempt`` without biases and norms (one-dimensional ones).

    The gradient of the L2 part is ``l2 * w``, that of a coupled weight decay of the same size.
    """
    weights = [p for p in model.parameters() if p.requires_grad and (p.ndim > 1 or not settings.exempt)]
    flat = torch.cat([w.reshape(-1) for w in weights])
    return settings.l1 * flat.abs().sum() + settings.l2 / 2 * flat.square().sum()
