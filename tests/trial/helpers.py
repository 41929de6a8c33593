"""A recorded channel and a small deterministic training function."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from pathlib import Path

from sweeps.messages import Continue, Decision, Goal, Stop, TrialSpec
from sweeps.trial import Trial


class Recorder:
    """Answers every report by ``answer(epoch)`` and remembers what was reported."""

    def __init__(self, answer: Callable[[int], Decision] = lambda epoch: Continue()) -> None:
        self.answer = answer
        self.reports: list[tuple[int, dict[str, float]]] = []

    def report(self, epoch: int, metrics: Mapping[str, float]) -> Decision:
        self.reports.append((epoch, dict(metrics)))
        return self.answer(epoch)

    @property
    def epochs(self) -> list[int]:
        return [epoch for epoch, _ in self.reports]


def stop_at(epoch: int, reason: str) -> Recorder:
    return Recorder(lambda now: Stop(reason) if now == epoch else Continue())


def make_spec(
    directory: Path, *, attempt: int = 1, epochs: int = 6, goal: Goal = "minimize", seed: int = 5
) -> TrialSpec:
    return TrialSpec(7, attempt, {"lr": 0.1}, seed, epochs, "val_loss", goal, directory)


LOSSES = (5.0, 4.0, 3.0, 3.5, 2.0, 4.0)  # best at epoch 5


class Training:
    """Trains a tiny model whose weights depend on every random generator; ``weights``: sum by epoch."""

    def __init__(self, losses: tuple[float, ...] = LOSSES, fail_after_report: int | None = None) -> None:
        self.losses = losses
        self.fail_after_report = fail_after_report
        self.weights: dict[int, float] = {}
        self.final_weight = 0.0
        self.final_rate = 0.0

    def __call__(self, trial: Trial) -> None:
        import numpy as np
        import torch

        model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
        optimizer = torch.optim.AdamW(model.parameters(), lr=trial.config.lr)
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0)
        order = torch.Generator().manual_seed(trial.seed)
        for epoch in trial.epochs(model=model, optimizer=optimizer, scheduler=scheduler, order=order):
            inputs = torch.randn(8, 3) * (random.random() + np.random.rand())
            optimizer.zero_grad()
            (model(inputs)[torch.randperm(8, generator=order)[0]] ** 2).sum().backward()
            optimizer.step()
            self.weights[epoch] = model[0].weight.sum().item()
            trial.report(val_loss=self.losses[epoch - 1], weight=model[0].weight.sum())
            if epoch == self.fail_after_report:
                raise RuntimeError("the machine caught fire")
            scheduler.step(np.float64(self.losses[epoch - 1]))
        self.final_weight = model[0].weight.sum().item()
        self.final_rate = optimizer.param_groups[0]["lr"]
