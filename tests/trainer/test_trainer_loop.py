from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from trainer import device
from trainer.averaging import Averager
from trainer.batch import Batch
from trainer.data.source import Normaliser
from trainer.loop import Training, evaluate, grouped, train_epoch
from trainer.meters import Meter, read
from trainer.recipe import Standard
from trainer.rules import parse
from trainer.schedules import Length
from trainer.settings import Settings
from trainer.signature import Signature

SIGNATURE = Signature((4,), 3)
RECIPE = Standard()


class Rows:
    """A feed of the given batches."""

    def __init__(self, *batches: Batch) -> None:
        self.batches = batches

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        return iter(self.batches)


def rows(*sizes: int, seed: int = 1) -> Rows:
    random = torch.Generator().manual_seed(seed)
    return Rows(
        *(
            Batch(
                torch.randn(size, 4, generator=random).double(), torch.randint(3, (size,), generator=random)
            )
            for size in sizes
        )
    )


def training(config: dict[str, Any], batches: int, **changes: Any) -> Training[Settings]:
    config = {"model": "linear", "optimizer": "sgd", "momentum": 0, "weight_decay": 0, **config}
    settings = RECIPE.resolve(parse({"schedule": "constant", **config}, Settings), SIGNATURE)
    torch.manual_seed(0)
    model = RECIPE.build(settings, SIGNATURE).double()
    optimizer = RECIPE.optimizer(model.parameters(), settings)
    parts: dict[str, Any] = {
        "recipe": RECIPE,
        "settings": settings,
        "signature": SIGNATURE,
        "model": model,
        "forward": model,
        "evaluated": model,
        "optimizer": optimizer,
        "schedule": RECIPE.schedule(optimizer, settings, Length(10, batches)),
        "averager": Averager(settings, model, 10),
        "scaler": None,
        "autocast": device.autocast(settings, "cpu"),
        "normaliser": None,
        "noise": torch.Generator(),
        "watch": device.Stopwatch("cpu", 1),
    }
    return Training(**parts | changes)


def meter(settings: Settings) -> Meter:
    return RECIPE.meter(settings, SIGNATURE)


def weights(model: nn.Module) -> np.ndarray:
    return torch.cat([p.detach().flatten() for p in model.parameters()]).numpy()


def cross_entropy(logits: Tensor, targets: Tensor) -> float:
    values = logits.detach().numpy()
    logs = values - np.log(np.exp(values).sum(1, keepdims=True))
    return float(-logs[np.arange(len(targets)), targets.numpy()].mean())


def everything(feed: Rows) -> Batch:
    return Batch(*(torch.cat([getattr(b, name) for b in feed]) for name in ("inputs", "targets")))


def test_evaluation_is_the_mean_over_samples_not_over_batches() -> None:
    feed = rows(64, 64, 3)
    feed.batches[-1].inputs.mul_(50)  # the last, small batch has a loss of its own
    work = training({}, 1)
    loss = lambda output, batch: RECIPE.loss(output, batch, work.settings)  # noqa: E731
    (values,) = read(evaluate(work.model, feed, meter(work.settings), loss, work.autocast))
    whole = everything(feed)
    logits = work.model(whole.inputs)
    assert values["loss"] == pytest.approx(cross_entropy(logits, whole.targets), rel=1e-6)
    assert values["accuracy"] == pytest.approx((logits.argmax(1) == whole.targets).double().mean().item())


@pytest.mark.parametrize("config", [{}, {"label_smoothing": 0.2}, {"l1": 0.3, "l2": 0.1}])
def test_the_training_loss_is_the_plain_mean_over_samples(config: dict[str, Any]) -> None:
    feed = rows(64, 64, 3)
    work = training({"lr": 1e-30, **config}, 3)
    tally = meter(work.settings)
    train_epoch(work, feed, tally)
    whole = everything(feed)
    (values,) = read(tally.values())
    assert values["loss"] == pytest.approx(cross_entropy(work.model(whole.inputs), whole.targets), rel=1e-6)


def test_sample_weights_count_in_what_is_minimised_and_not_in_what_is_reported() -> None:
    batch = next(iter(rows(10)))
    weighted = replace(batch, weights=torch.linspace(0, 2, 10, dtype=torch.float64))
    plain, other = training({"lr": 0.1}, 1), training({"lr": 0.1}, 1)
    tallies = [meter(plain.settings), meter(plain.settings)]
    train_epoch(plain, Rows(batch), tallies[0])
    train_epoch(other, Rows(weighted), tallies[1])
    first, second = read(*(tally.values() for tally in tallies))
    assert first["loss"] == pytest.approx(second["loss"])
    assert not np.allclose(weights(plain.model), weights(other.model))


@pytest.mark.parametrize("momentum", [0, 0.9])
def test_accumulated_batches_make_the_step_of_one_large_batch(momentum: float) -> None:
    feed = rows(8, 8, 3)
    config = {"lr": 0.5, "momentum": momentum}
    small, large = training({**config, "accumulate": 3}, 1), training(config, 1)
    train_epoch(small, feed, meter(small.settings))
    train_epoch(large, Rows(everything(feed)), meter(large.settings))
    np.testing.assert_allclose(weights(small.model), weights(large.model), atol=1e-12)


def test_batches_are_grouped_by_step() -> None:
    feed = rows(4, 4, 4, 4, 1)
    assert [[len(b) for b in group] for group in grouped(feed, 2)] == [[4, 4], [4, 4], [1]]


@pytest.mark.parametrize("key", ["clip_norm", "clip_value"])
def test_clipping_bounds_the_step(key: str) -> None:
    work = training({"lr": 1.0, key: 1e-3}, 1)
    before = weights(work.model)
    norm = train_epoch(work, rows(16), meter(work.settings))
    change = weights(work.model) - before
    assert norm > 1e-2  # of the gradients before they were clipped
    size = np.linalg.norm(change) if key == "clip_norm" else np.abs(change).max()
    assert size == pytest.approx(1e-3, rel=1e-3)


def test_the_gradient_norm_is_that_of_the_gradients() -> None:
    work, feed = training({"lr": 1.0}, 1), rows(16)
    before = weights(work.model)
    norm = train_epoch(work, feed, meter(work.settings))
    assert norm.item() == pytest.approx(np.linalg.norm(weights(work.model) - before))  # lr 1, plain descent


def test_training_and_evaluation_switch_the_mode() -> None:
    torch.manual_seed(0)
    norm = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 3)).double()
    optimizer = RECIPE.optimizer(norm.parameters(), Settings())
    work = training({}, 2, model=norm, forward=norm, evaluated=norm, optimizer=optimizer)
    train_epoch(work, rows(8, 8), meter(work.settings))
    assert norm.training
    statistics = {name: value.clone() for name, value in norm.state_dict().items()}
    loss = lambda output, batch: RECIPE.loss(output, batch, work.settings)  # noqa: E731
    evaluate(norm, rows(8), meter(work.settings), loss, work.autocast)
    assert not norm.training
    assert all(torch.equal(value, statistics[name]) for name, value in norm.state_dict().items())


def test_augmentation_gets_scaled_rows_and_the_model_normalised_ones() -> None:
    seen = {}

    class Watching(Standard):
        def augment(self, batch: Batch, config: Settings, generator: torch.Generator) -> Batch:
            seen["augment"] = batch.inputs
            return batch

        def mix(self, batch: Batch, config: Settings, generator: torch.Generator, _: Signature) -> Batch:
            seen["mix"] = batch.inputs
            return batch

    raw = Batch(torch.full((2, 4), 255, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64))
    normaliser = Normaliser(1 / 255, torch.tensor(0.5), torch.tensor(0.25))
    work = training({}, 1, recipe=Watching(), normaliser=normaliser)
    work.model.float()
    train_epoch(work, Rows(raw), meter(work.settings))
    assert torch.allclose(seen["augment"], torch.ones(2, 4))
    assert torch.allclose(seen["mix"], torch.full((2, 4), 2.0))


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_mixed_precision_trains_close_to_float32(precision: str, run: Callable) -> None:
    config = {"model": "mlp", "lr": 1e-3, "dropout": 0.0}
    exact = run(config, epochs=2, folder="exact").reports[2]
    mixed = run({**config, "precision": precision}, epochs=2, folder="mixed").reports[2]
    assert math.isclose(exact["val_loss"], mixed["val_loss"], rel_tol=0.05)
    assert exact["val_loss"] != mixed["val_loss"]
