from __future__ import annotations

import copy
import timeit
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from trainer.averaging import Averager
from trainer.batch import Batch
from trainer.models.layers import Dropout, draw_from
from trainer.rules import parse
from trainer.settings import Settings


class Rows:
    """Batches of 5 of normal rows that have mean 3 and deviation 2, and one last single row."""

    def __init__(self) -> None:
        self.inputs = 3 + 2 * torch.randn(11, 4, generator=torch.Generator().manual_seed(5)).double()

    def __len__(self) -> int:
        return 3

    def __iter__(self) -> Iterator[Batch]:
        return (Batch(part, part) for part in self.inputs.split(5))


def network(norm: bool = False) -> nn.Module:
    torch.manual_seed(1)
    first = nn.Linear(4, 3)
    model = nn.Sequential(first, *([nn.BatchNorm1d(3)] if norm else []), Dropout(0.5), nn.Linear(3, 2))
    return model.double()


def settings(**config: Any) -> Settings:
    return parse(config, Settings)


def weights(model: nn.Module) -> np.ndarray:
    return torch.cat([p.detach().flatten() for p in model.parameters()]).numpy().copy()


def wander(model: nn.Module, step: int) -> None:
    """Move the weights as an optimiser would: in place."""
    random = torch.Generator().manual_seed(step)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn(p.shape, generator=random, dtype=p.dtype))


def walk(averager: Averager, model: nn.Module, epochs: range, steps: int = 3) -> list[np.ndarray]:
    """Train for some epochs; the weights at the ends of all steps."""
    ends = []
    for epoch in epochs:
        for step in range(steps):
            model.train()
            model(Rows().inputs)  # moves the statistics of batch norm
            wander(model, 100 * epoch + step)
            averager.after_step()
            ends.append(weights(model))
        averager.after_epoch(epoch, Rows())
    return ends


def test_without_averaging_the_trained_model_is_the_one_that_is_kept() -> None:
    model = network()
    averager = Averager(settings(), model, 5)
    before = weights(model)
    averager.after_step()
    averager.after_epoch(1, Rows())
    assert averager.model is model
    np.testing.assert_array_equal(weights(model), before)
    assert min(timeit.repeat(averager.after_step, number=10_000, repeat=5)) / 10_000 < 1e-6


@pytest.mark.parametrize("decay", [0.0, 0.3, 0.999])
def test_ema_follows_its_formula(decay: float) -> None:
    model = network()
    averager = Averager(settings(averaging="ema", ema_decay=decay), model, 5)
    expected = weights(model)
    for n, now in enumerate(walk(averager, model, range(1, 6)), start=1):
        d = min(decay, (1 + n) / (10 + n))
        expected = d * expected + (1 - d) * now
    np.testing.assert_allclose(weights(averager.model), expected, rtol=0, atol=1e-12)


def test_ema_has_the_trained_models_statistics() -> None:
    model = network(norm=True)
    averager = Averager(settings(averaging="ema"), model, 5)
    walk(averager, model, range(1, 3))
    assert all(torch.equal(a, b) for a, b in zip(averager.model.buffers(), model.buffers(), strict=True))
    assert not np.allclose(weights(averager.model), weights(model))


@pytest.mark.parametrize(("start", "begin"), [(0.5, 4), (0.75, 5), (0.99, 6), (0.0, 1)])
def test_swa_is_the_trained_model_first_and_the_mean_of_the_later_epochs_then(
    start: float, begin: int
) -> None:
    model = network()
    averager = Averager(settings(averaging="swa", swa_start=start), model, 6)
    later = []
    for epoch in range(1, 7):
        end = walk(averager, model, range(epoch, epoch + 1))[-1]
        later += [end] if epoch >= begin else []
        expected = np.mean(later, axis=0) if later else end
        np.testing.assert_allclose(weights(averager.model), expected, rtol=0, atol=1e-12)


def test_swa_begins_after_a_whole_share_of_the_epochs() -> None:
    """0.29 * 100 is 28.999999999999996, and epoch 29 is still before the average."""
    model = network()
    averager = Averager(settings(averaging="swa", swa_start=0.29), model, 100)
    walk(averager, model, range(28, 30))
    np.testing.assert_array_equal(weights(averager.model), weights(model))
    walk(averager, model, range(30, 32))
    assert averager.state_dict() == {"count": 2}


def test_swa_measures_the_statistics_of_batch_norm_anew() -> None:
    model = network(norm=True)
    averager = Averager(settings(averaging="swa", swa_start=0.0), model, 6)
    walk(averager, model, range(1, 4))
    first, norm = averager.model[0], averager.model[1]
    assert isinstance(first, nn.Linear)
    assert isinstance(norm, nn.BatchNorm1d)
    whole = Rows().inputs[:10].numpy() @ first.weight.detach().numpy().T + first.bias.detach().numpy()
    np.testing.assert_allclose(norm.running_mean, whole.mean(0), atol=1e-12)
    halves = [part.var(0, ddof=1) for part in (whole[:5], whole[5:])]
    np.testing.assert_allclose(norm.running_var, np.mean(halves, 0), atol=1e-12)
    assert norm.momentum == 0.1
    assert not averager.model.training


@pytest.mark.parametrize("kind", ["ema", "swa"])
def test_the_trained_model_is_left_alone(kind: str) -> None:
    model, alone = network(norm=True), network(norm=True)
    noise = torch.Generator().manual_seed(3)
    draw_from(model, noise)
    averager = Averager(settings(averaging=kind, swa_start=0.0), model, 4)
    walk(averager, model, range(1, 5))
    same = torch.Generator().manual_seed(3)
    draw_from(alone, same)
    walk(Averager(settings(), alone, 4), alone, range(1, 5))
    for a, b in zip(model.state_dict().values(), alone.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    assert model.training
    assert model[1].momentum == 0.1
    assert torch.equal(noise.get_state(), same.get_state())


def test_the_average_draws_from_the_trials_generator_too() -> None:
    model, noise = network(), torch.Generator().manual_seed(3)
    draw_from(model, noise)
    averager = Averager(settings(averaging="ema"), model, 4)
    assert averager.model[1].generator is noise


@pytest.mark.parametrize(
    "config", [{"averaging": "ema", "ema_decay": 0.9}, {"averaging": "swa", "swa_start": 0.4}]
)
@pytest.mark.parametrize("stop", [1, 2, 4])
def test_a_resumed_average_equals_an_uninterrupted_one(config: dict[str, Any], stop: int) -> None:
    def begin() -> tuple[nn.Module, Averager]:
        model = network(norm=True)
        return model, Averager(settings(**config), model, 6)

    model, averager = begin()
    walk(averager, model, range(1, 7))
    half, first = begin()
    walk(first, half, range(1, stop + 1))
    states = [copy.deepcopy(part.state_dict()) for part in (first.model, half, first)]
    rest, second = begin()
    for part, state in zip((second.model, rest, second), states, strict=True):
        part.load_state_dict(state)
    walk(second, rest, range(stop + 1, 7))
    for a, b in zip(second.model.state_dict().values(), averager.model.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_averaging_is_a_setting_of_a_training(run: Callable[..., Any]) -> None:
    config = {"model": "mlp", "width": 32, "optimizer": "sgd", "lr": 0.3, "schedule": "constant"}
    losses = {
        kind: run({**config, "averaging": kind, "swa_start": 0.5}, epochs=4, folder=kind).reports
        for kind in ("none", "ema", "swa")
    }
    assert losses["swa"][1]["val_loss"] == losses["none"][1]["val_loss"]
    assert losses["swa"][4]["val_loss"] != losses["none"][4]["val_loss"]
    assert losses["ema"][4]["val_loss"] != losses["none"][4]["val_loss"]
    assert len({figures[4]["train_loss"] for figures in losses.values()}) == 1
