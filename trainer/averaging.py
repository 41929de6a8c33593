"""Averages of the weights over the steps: what is evaluated and kept instead of the weights themselves."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from trainer.feed import Feed
from trainer.settings import LoopSettings


class Averager:
    """``model`` is what is evaluated, checkpointed and exported; without averaging it is the trained one.

    ``ema``, an exponential moving average: after step n (from 1) of the optimiser

        average = d * average + (1 - d) * weights,    d = min(ema_decay, (1 + n) / (10 + n)),

    so that the untrained weights it starts from are soon forgotten. What is not trained, such as the
    statistics of batch norm, is the trained model's after each epoch.

    ``swa``, stochastic weight averaging (Izmailov et al. 2018, "Averaging weights leads to wider optima and
    better generalization"): a copy of the trained model until the share ``swa_start`` of the epochs is
    over, from then on the plain mean of the weights at the ends of the later epochs, with statistics of
    batch norm of its own.

    The average itself is in ``model``; the state is how many steps or epochs went into it.
    """

    def __init__(self, settings: LoopSettings, trained: nn.Module, max_epochs: int) -> None:
        """``trained`` lies on its device and keeps its parameters in place."""
        self._kind = settings.averaging
        self._decay = settings.ema_decay
        self._begin = settings.swa_start * max_epochs
        self._trained = trained
        self._count = 0
        self.model = trained
        if self._kind == "none":
            return
        self.model = copy.deepcopy(trained, _generators(trained)).requires_grad_(False)
        # Detached once: they share memory with the parameters, and autograd need not be switched off.
        self._weights = [p.detach() for p in trained.parameters()]
        self._averages = [p.detach() for p in self.model.parameters()]

    def after_step(self) -> None:
        """Called after every optimiser step."""
        if self._kind == "ema":
            self._count += 1
            decay = min(self._decay, (1 + self._count) / (10 + self._count))
            torch._foreach_lerp_(self._averages, self._weights, 1 - decay)

    def after_epoch(self, epoch: int, rows: Feed) -> None:
        """Called after epoch ``epoch`` (from 1), before it is validated; ``rows``: the training split."""
        if self._kind == "none":
            return
        _copy(list(self._trained.buffers()), list(self.model.buffers()))
        if self._kind == "ema":
            return
        if epoch <= self._begin + 1e-9:  # 0.29 of 100 epochs is a little less than 29
            _copy(self._weights, self._averages)
            return
        self._count += 1
        torch._foreach_lerp_(self._averages, self._weights, 1 / self._count)
        remeasure(self.model, rows)

    def state_dict(self) -> dict[str, Any]:
        return {"count": self._count}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._count = state["count"]


def remeasure(model: nn.Module, rows: Feed) -> None:
    """Set the running statistics of every batch norm in ``model`` to those of ``rows``, in one pass.

    They are means over the batches, weighted by their samples; dropout is off. A single row has no variance
    and is left out. ``model`` is left in evaluation mode.
    """
    norms = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.running_mean is not None]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    model.eval()
    for norm in norms:
        norm.train()
        norm.reset_running_stats()
    seen = 0
    with torch.no_grad():
        for batch in rows:
            if len(batch) == 1:
                continue
            seen += len(batch)
            for norm in norms:
                norm.momentum = len(batch) / seen
            model(batch.inputs)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    model.eval()


def _generators(model: nn.Module) -> dict[int, Any]:
    """What a deep copy is to share: the trial's generator, which dropout draws from."""
    held = (value for module in model.modules() for value in vars(module).values())
    return {id(value): value for value in held if isinstance(value, torch.Generator)}


def _copy(sources: list[Tensor], targets: list[Tensor]) -> None:
    for source, target in zip(sources, targets, strict=True):
        target.copy_(source)
