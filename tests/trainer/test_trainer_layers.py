"""Dropout and batch norm against their formulas in NumPy."""

from __future__ import annotations

import copy
import math
import pickle

import numpy as np
import pytest
import torch
from torch import nn

from trainer.models import build
from trainer.models.layers import Dropout, draw_from
from trainer.rules import parse
from trainer.settings import Settings
from trainer.signature import Signature


def dropout(p: float, seed: int = 0) -> Dropout:
    layer = Dropout(p)
    draw_from(layer, torch.Generator().manual_seed(seed))
    return layer


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("p", [0.05, 0.5, 0.9])
def test_dropout_is_inverted_and_as_frequent_as_asked_for(p: float, dtype: torch.dtype) -> None:
    inputs = 1 + torch.rand(500, 200, dtype=torch.float64).to(dtype)
    outputs = dropout(p)(inputs)
    assert outputs.dtype == dtype
    kept = outputs.ne(0)
    tolerance = {torch.float64: 1e-12, torch.float32: 1e-6, torch.bfloat16: 1e-2}[dtype]
    expected = np.where(kept.numpy(), inputs.double().numpy() / (1 - p), 0.0)
    np.testing.assert_allclose(outputs.double().numpy(), expected, rtol=tolerance)
    deviation = math.sqrt(p * (1 - p) / inputs.numel())
    assert kept.double().mean().item() == pytest.approx(1 - p, abs=4 * deviation)
    mean = (outputs.double() / inputs.double()).mean().item()
    assert mean == pytest.approx(1, abs=4 * deviation / (1 - p) + tolerance)
    # Rows and columns are dropped independently of each other.
    for axis, size in ((0, 500), (1, 200)):
        rates = kept.double().mean(axis)
        assert (rates - (1 - p)).abs().max().item() < 5.5 * math.sqrt(p * (1 - p) / size)


def test_gradients_pass_where_units_were_kept() -> None:
    inputs = torch.rand(50, 20, dtype=torch.float64, requires_grad=True)
    outputs = dropout(0.25)(inputs)
    outputs.sum().backward()
    assert inputs.grad is not None
    np.testing.assert_allclose(inputs.grad.numpy(), np.where(outputs.detach().numpy() != 0, 1 / 0.75, 0.0))


@pytest.mark.parametrize("layer", [dropout(0.5).eval(), dropout(0.0)], ids=["evaluating", "zero"])
def test_dropout_off_is_the_identity(layer: Dropout) -> None:
    inputs = torch.rand(5, 4)
    assert torch.equal(layer(inputs), inputs)


def test_masks_follow_the_generator_and_differ_from_draw_to_draw() -> None:
    inputs = torch.ones(20, 30)
    layer, same, other = dropout(0.5), dropout(0.5), dropout(0.5, seed=1)
    torch.manual_seed(3)
    first, second = layer(inputs), layer(inputs)
    torch.manual_seed(4)
    assert torch.equal(first, same(inputs)) and torch.equal(second, same(inputs))
    assert not torch.equal(first, second) and not torch.equal(first, other(inputs))


def test_a_copy_draws_from_the_same_generator() -> None:
    model = nn.Sequential(nn.Linear(3, 3), Dropout(0.5))
    generator = torch.Generator().manual_seed(0)
    draw_from(model, generator)
    twin = copy.deepcopy(model)
    twin[0].weight.data.zero_()
    assert model[0].weight.any()
    before = generator.get_state()
    twin(torch.ones(2, 3))
    assert not torch.equal(generator.get_state(), before)
    assert copy.deepcopy(Dropout(0.3)).p == 0.3 and pickle.loads(pickle.dumps(model))[1].p == 0.5


def test_dropout_draws_the_same_when_compiled() -> None:
    generator = torch.Generator().manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 8), Dropout(0.5), nn.ReLU(), nn.Linear(8, 2))
    draw_from(model, generator)
    compiled = torch.compile(model, backend="eager")
    inputs = torch.rand(4, 3)
    outputs = []
    for network in (model, compiled):
        generator.manual_seed(5)
        outputs.append([network(inputs) for _ in range(2)])
    plain, fast = outputs
    assert torch.equal(plain[0], fast[0]) and torch.equal(plain[1], fast[1])
    assert not torch.equal(fast[0], fast[1])


@pytest.mark.parametrize(
    ("model", "signature"), [("mlp", Signature((5,), 2)), ("cnn", Signature((3, 6, 4), 2))]
)
def test_batch_norm_in_both_modes(model: str, signature: Signature) -> None:
    """Source: Ioffe and Szegedy 2015, "Batch normalization"."""
    built = build(parse({"model": model}, Settings), signature)
    norm = next(m for m in built.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)).double()
    generator = torch.Generator().manual_seed(0)
    nn.init.normal_(norm.weight, generator=generator)
    nn.init.normal_(norm.bias, generator=generator)
    weight, bias = norm.weight.detach().numpy(), norm.bias.detach().numpy()
    channels, momentum, eps = len(weight), 0.1, 1e-5
    mean, variance = np.zeros(channels), np.ones(channels)
    axes = (0,) if model == "mlp" else (0, 2, 3)
    shape = (1, channels) if model == "mlp" else (1, channels, 1, 1)

    def formula(x: np.ndarray, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
        z = (x - mean.reshape(shape)) / np.sqrt(variance.reshape(shape) + eps)
        return z * weight.reshape(shape) + bias.reshape(shape)

    places = () if model == "mlp" else (6, 4)
    for step in range(1, 6):
        batch = step + 3 * torch.randn(8, channels, *places, dtype=torch.float64, generator=generator)
        x = batch.numpy()
        given = norm.train()(batch).detach().numpy()
        np.testing.assert_allclose(given, formula(x, x.mean(axes), x.var(axes)), atol=1e-6)
        mean = (1 - momentum) * mean + momentum * x.mean(axes)
        variance = (1 - momentum) * variance + momentum * x.var(axes, ddof=1)
        np.testing.assert_allclose(norm.running_mean, mean, atol=1e-6)
        np.testing.assert_allclose(norm.running_var, variance, atol=1e-6)
        evaluated = norm.eval()(batch).detach().numpy()
        np.testing.assert_allclose(evaluated, formula(x, mean, variance), atol=1e-6)
