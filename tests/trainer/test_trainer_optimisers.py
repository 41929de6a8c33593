from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from trainer.config import parse
from trainer.optimisers import build_optimizer, learning_rate
from trainer.schedules import build_scheduler, end_epoch

LR, DECAY, STEPS = 0.05, 0.1, 4
START = np.array([1.0, -2.0, 0.5])


def gradient(weights: np.ndarray, step: int) -> np.ndarray:
    return np.cos(weights) * (step + 1)


def sgd(momentum: float, nesterov: bool) -> np.ndarray:
    weights, velocity = START.copy(), np.zeros(3)
    for step in range(STEPS):
        slope = gradient(weights, step) + DECAY * weights
        velocity = momentum * velocity + slope
        weights = weights - LR * (slope + momentum * velocity if nesterov else velocity)
    return weights


def adam(decoupled: bool) -> np.ndarray:
    weights, first, second = START.copy(), np.zeros(3), np.zeros(3)
    for step in range(STEPS):
        slope = gradient(weights, step)
        if decoupled:
            weights = weights * (1 - LR * DECAY)
        else:
            slope = slope + DECAY * weights
        first, second = 0.9 * first + 0.1 * slope, 0.999 * second + 0.001 * slope**2
        corrected = first / (1 - 0.9 ** (step + 1)), second / (1 - 0.999 ** (step + 1))
        weights = weights - LR * corrected[0] / (np.sqrt(corrected[1]) + 1e-8)
    return weights


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"optimizer": "sgd", "momentum": 0}, lambda: sgd(0, False)),
        ({"optimizer": "sgd", "momentum": 0.8}, lambda: sgd(0.8, False)),
        ({"optimizer": "sgd", "momentum": 0.8, "nesterov": True}, lambda: sgd(0.8, True)),
        ({"optimizer": "adam"}, lambda: adam(decoupled=False)),
        ({"optimizer": "adamw"}, lambda: adam(decoupled=True)),
    ],
)
def test_optimisers_follow_their_formula(config: dict[str, Any], expected: Callable[[], np.ndarray]) -> None:
    model = nn.Module()
    model.weights = nn.Parameter(torch.tensor(START))
    optimizer = build_optimizer(parse({**config, "lr": LR, "weight_decay": DECAY}), model)
    for step in range(STEPS):
        model.weights.grad = torch.tensor(gradient(model.weights.detach().numpy(), step))
        optimizer.step()
    np.testing.assert_allclose(model.weights.detach().numpy(), expected(), atol=1e-9)


def rates(config: dict[str, Any], val_losses: list[float]) -> list[float]:
    model = nn.Linear(1, 1)
    settings = parse({"lr": 0.1, **config})
    optimizer = build_optimizer(settings, model)
    scheduler = build_scheduler(settings, optimizer, epochs=len(val_losses))
    used = []
    for loss in val_losses:
        used.append(learning_rate(optimizer))
        optimizer.step()
        end_epoch(scheduler, loss)
    return used


def test_a_constant_rate_stays() -> None:
    assert rates({"schedule": "constant"}, [1.0] * 5) == [0.1] * 5


def test_a_cosine_falls_from_the_rate_towards_zero() -> None:
    expected = [0.05 * (1 + math.cos(math.pi * step / 8)) for step in range(8)]
    assert rates({"schedule": "cosine"}, [1.0] * 8) == pytest.approx(expected, rel=1e-6)


def test_a_plateau_lowers_the_rate_after_patience_runs_out() -> None:
    losses = [1.0, 0.9, 0.95, 0.91, 0.92, 0.5, 0.6]  # epochs 3, 4 and 5 bring nothing; the rate of 6 is lower
    used = rates({"schedule": "plateau", "plateau_patience": 2, "plateau_factor": 0.2}, losses)
    assert used == pytest.approx([0.1] * 5 + [0.02] * 2)
