from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from trainer.config import Settings, parse
from trainer.data import load
from trainer.data.source import Signature, Split
from trainer.epoch import EVALUATION_ROWS, evaluate, shuffled, train_epoch
from trainer.losses import objective
from trainer.metrics import Scores
from trainer.models import build
from trainer.optimisers import build_optimizer


def log_probabilities(logits: Tensor) -> np.ndarray:
    values = logits.detach().double().numpy()
    return values - np.log(np.exp(values).sum(1, keepdims=True))


def cross_entropy(logits: Tensor, targets: Tensor) -> float:
    return float(-log_probabilities(logits)[np.arange(len(targets)), targets.numpy()].mean())


def rows(count: int) -> Split:
    random = torch.Generator().manual_seed(1)
    return Split(torch.randn(count, 1, 8, 8, generator=random), torch.randint(10, (count,), generator=random))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_evaluation_is_the_mean_over_samples_not_over_batches() -> None:
    data = rows(2 * EVALUATION_ROWS + 7)
    data.inputs[-7:] *= 50  # the last, small batch has a loss of its own
    model = build(parse({"model": "mlp"}), Signature((1, 8, 8), 10)).eval()
    (scores,) = Scores.read(evaluate(model, data))

    logits = model(data.inputs)
    assert scores.loss == pytest.approx(cross_entropy(logits, data.targets), rel=1e-5)
    assert scores.accuracy == (logits.argmax(1) == data.targets).sum().item() / len(data)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_training_loss_is_the_mean_over_samples_without_smoothing(smoothing: float) -> None:
    settings = parse(
        {"model": "mlp", "dropout": 0.0, "batch_norm": False, "optimizer": "sgd", "lr": 1e-30}
        | {"label_smoothing": smoothing, "weight_decay": 0.0, "batch_size": 100}
    )
    data = load(settings).for_training()
    model = build(settings, data.signature)
    tally = train_epoch(settings, model, data.train, build_optimizer(settings, model), generator())
    (scores,) = Scores.read(tally)
    assert scores.loss == pytest.approx(cross_entropy(model(data.train.inputs), data.train.targets), rel=1e-5)


def test_label_smoothing_spreads_its_share_over_all_classes() -> None:
    logits, targets = torch.randn(5, 10, generator=generator()), torch.arange(5)
    wanted = np.full((5, 10), 0.3 / 10)
    wanted[np.arange(5), np.arange(5)] += 0.7
    smoothed = objective(Settings(label_smoothing=0.3), logits, targets).item()
    assert smoothed == pytest.approx(-(wanted * log_probabilities(logits)).sum(1).mean(), rel=1e-5)


@pytest.mark.parametrize(
    ("count", "size", "sizes"),
    [
        (10, 4, [4, 4, 2]),
        (8, 4, [4, 4]),
        (9, 4, [4, 5]),  # one row alone has no variance for batch norm
        (5, 4, [5]),
        (3, 4, [3]),
    ],
)
def test_batches_hold_every_row_once(count: int, size: int, sizes: list[int]) -> None:
    data = Split(torch.arange(count).float(), torch.arange(count))
    batches = list(shuffled(data, size, generator()))
    assert [len(targets) for _, targets in batches] == sizes
    assert sorted(torch.cat([targets for _, targets in batches]).tolist()) == list(range(count))
    assert all(torch.equal(inputs.long(), targets) for inputs, targets in batches)


def test_the_order_comes_from_the_generator_and_changes_every_epoch() -> None:
    def orders(seed: int) -> list[list[int]]:
        data, source = Split(torch.zeros(50), torch.arange(50)), generator(seed)
        return [[int(t) for _, targets in shuffled(data, 8, source) for t in targets] for _ in range(2)]

    first, second = orders(3)
    assert first != second
    assert orders(3) == [first, second]
    assert orders(4) != [first, second]


def test_training_and_evaluation_switch_the_mode() -> None:
    settings = parse({})
    data = load(settings).for_training()
    model = build(settings, data.signature)
    train_epoch(settings, model, data.train, build_optimizer(settings, model), generator())
    assert model.training
    statistics = {name: value.clone() for name, value in model.state_dict().items()}
    evaluate(model, data.validation)
    assert not model.training
    assert all(torch.equal(value, statistics[name]) for name, value in model.state_dict().items())
