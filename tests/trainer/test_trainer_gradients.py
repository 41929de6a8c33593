from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from trainer.gradients import GradientNorm, clip, penalty
from trainer.rules import parse
from trainer.settings import Settings

GRADIENTS = {"weight": np.array([[3.0, -4.0], [0.5, 0.0]]), "bias": np.array([12.0, 0.25])}
ALL = np.concatenate([g.ravel() for g in GRADIENTS.values()])
NORM = float(np.linalg.norm(ALL))


def settings(**config: Any) -> Settings:
    return parse(config, Settings)


def layer(frozen: bool = False) -> nn.Linear:
    torch.manual_seed(0)
    model = nn.Linear(2, 2).double()
    for name, value in GRADIENTS.items():
        getattr(model, name).grad = torch.tensor(value)
    if frozen:
        model.bias.requires_grad_(False)
    return model


def grads(model: nn.Module) -> np.ndarray:
    return np.concatenate([p.grad.numpy().ravel() for p in model.parameters() if p.grad is not None])


@pytest.mark.parametrize("limit", [1.0, 5.0, 1e3])
def test_clipping_by_norm_shrinks_all_gradients_by_one_factor(limit: float) -> None:
    model = layer()
    assert float(clip(settings(clip_norm=limit), model, measure=True)) == pytest.approx(NORM)
    np.testing.assert_allclose(grads(model), ALL * min(1, limit / NORM), rtol=1e-6)


def test_clipping_by_value_bounds_every_entry() -> None:
    model = layer()
    assert float(clip(settings(clip_value=1.0), model, measure=True)) == pytest.approx(NORM)
    np.testing.assert_allclose(grads(model), np.clip(ALL, -1, 1))


def test_the_value_is_clipped_before_the_norm() -> None:
    model = layer()
    assert float(clip(settings(clip_value=1.0, clip_norm=0.5), model, measure=True)) == pytest.approx(NORM)
    bounded = np.clip(ALL, -1, 1)
    np.testing.assert_allclose(grads(model), bounded * 0.5 / np.linalg.norm(bounded), rtol=1e-5)


def test_without_clipping_gradients_stay_and_are_measured_only_when_asked() -> None:
    model = layer()
    assert clip(settings(), model, measure=False) is None
    assert float(clip(settings(), model, measure=True)) == pytest.approx(NORM)
    np.testing.assert_array_equal(grads(model), ALL)


def test_parameters_without_a_gradient_are_left_out() -> None:
    model = layer()
    model.bias.grad = None
    norm = clip(settings(clip_norm=1.0), model, measure=True)
    assert float(norm) == pytest.approx(np.linalg.norm(GRADIENTS["weight"]))


@pytest.mark.parametrize("exempt", [False, True])
def test_the_penalty_is_its_formula_and_so_is_its_gradient(exempt: bool) -> None:
    model = layer()
    model.zero_grad()
    value = penalty(settings(l1=0.3, l2=0.2, exempt=exempt), model)
    value.backward()
    kept = ["weight"] if exempt else ["weight", "bias"]
    arrays = {name: getattr(model, name).detach().numpy() for name in kept}
    expected = sum(0.3 * np.abs(w).sum() + 0.1 * (w**2).sum() for w in arrays.values())
    assert value.item() == pytest.approx(expected, rel=1e-9)
    for name, w in arrays.items():
        np.testing.assert_allclose(getattr(model, name).grad, 0.3 * np.sign(w) + 0.2 * w, rtol=1e-9)
    assert (model.bias.grad is None) == exempt


def test_frozen_parameters_are_not_penalised() -> None:
    model = layer(frozen=True)
    expected = 0.5 * model.weight.detach().square().sum().item()
    assert penalty(settings(l2=1.0), model).item() == pytest.approx(expected)


def mean_norm(config: dict[str, Any], norms: list[float]) -> tuple[float, int]:
    """What an epoch whose steps have these norms reports, and how many it measured."""
    tally, measured = GradientNorm(settings(**config), len(norms)), 0
    for norm in norms:
        due = tally.is_due()
        measured += due
        tally.add(torch.tensor(norm) if due else None)
    return tally.mean().item(), measured


def test_clipping_measures_every_step() -> None:
    norms = [1.0, 2.0, 6.0]
    assert mean_norm({"clip_norm": 9.0}, norms) == (pytest.approx(3.0), 3)


@pytest.mark.parametrize("steps", [1, 3, 8, 20, 100, 1000])
def test_else_some_steps_are_measured_and_one_at_least(steps: int) -> None:
    value, measured = mean_norm({}, [2.5] * steps)
    assert value == 2.5
    assert 1 <= measured <= max(4, steps // 8)


def test_a_norm_that_overflowed_is_left_out() -> None:
    assert mean_norm({"clip_norm": 1.0}, [1.0, float("inf"), 3.0, float("nan")])[0] == 2.0


def test_the_norm_stays_on_the_device_until_it_is_read() -> None:
    tally = GradientNorm(settings(), 1)
    assert tally.is_due()
    tally.add(clip(settings(), layer(), measure=True))
    assert isinstance(tally.mean(), Tensor)
