from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from trainer.augment import mix
from trainer.batch import Batch
from trainer.losses import mean_loss, resolve, sample_weights
from trainer.rules import parse
from trainer.settings import Settings
from trainer.signature import Signature

ROWS, CLASSES = 7, 4
RANDOM = np.random.default_rng(0)
LOGITS = RANDOM.normal(size=(ROWS, CLASSES))
LABELS = RANDOM.integers(CLASSES, size=ROWS)
ONE_HOT = np.eye(CLASSES)[LABELS]
SHARES = RANDOM.dirichlet(np.ones(CLASSES), ROWS)
WEIGHTS = RANDOM.uniform(0, 2, ROWS)
NUMBERS = RANDOM.normal(size=(ROWS, 2))
GUESSES = NUMBERS + RANDOM.normal(size=(ROWS, 2))
RESIDUALS = np.abs(GUESSES - NUMBERS)


def loss(config: dict[str, Any], output: Any, targets: Any, weights: Any = None) -> float:
    settings = parse(config, Settings)
    weights = None if weights is None else torch.as_tensor(weights)
    targets = torch.as_tensor(targets)
    return mean_loss(torch.as_tensor(output), Batch(targets, targets, weights), settings).item()


def entropies(truth: np.ndarray, logits: np.ndarray = LOGITS) -> np.ndarray:
    """-sum p log q of each row."""
    logs = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    return -(truth * logs).sum(1)


def smoothed(truth: np.ndarray, by: float) -> np.ndarray:
    return (1 - by) * truth + by / CLASSES


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.6])
@pytest.mark.parametrize(("targets", "truth"), [(LABELS, ONE_HOT), (SHARES, SHARES)])
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_cross_entropy_with_label_smoothing(
    smoothing: float, targets: np.ndarray, truth: np.ndarray, weights: np.ndarray | None
) -> None:
    rows = entropies(smoothed(truth, smoothing)) * (1 if weights is None else weights)
    config = {"loss": "cross_entropy", "label_smoothing": smoothing}
    assert loss(config, LOGITS, targets, weights) == pytest.approx(rows.mean(), rel=1e-9)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_binary_cross_entropy_of_one_logit(weights: np.ndarray | None) -> None:
    logits, truth = LOGITS[:, :1], RANDOM.integers(2, size=ROWS)
    one = 1 / (1 + np.exp(-logits[:, 0]))
    rows = -(truth * np.log(one) + (1 - truth) * np.log(1 - one)) * (1 if weights is None else weights)
    for output in (logits, logits[:, 0]):
        assert loss({"loss": "bce"}, output, truth, weights) == pytest.approx(rows.mean(), rel=1e-9)
    both = np.stack([1 - truth, truth], 1).astype(np.float32)
    assert loss({"loss": "bce"}, logits, both, weights) == pytest.approx(rows.mean(), rel=1e-6)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize(
    ("config", "entries"),
    [
        ({"loss": "mse"}, RESIDUALS**2),
        ({"loss": "mae"}, RESIDUALS),
        (
            {"loss": "huber", "huber_delta": 0.7},
            np.where(RESIDUALS <= 0.7, RESIDUALS**2 / 2, 0.7 * (RESIDUALS - 0.35)),
        ),
    ],
)
def test_losses_of_numbers(config: dict[str, Any], entries: np.ndarray, weights: np.ndarray | None) -> None:
    rows = entries.mean(1) * (1 if weights is None else weights)
    assert loss(config, GUESSES, NUMBERS, weights) == pytest.approx(rows.mean(), rel=1e-9)


def test_an_output_without_a_column_is_not_broadcast() -> None:
    flat = loss({"loss": "mse"}, GUESSES[:, 0], NUMBERS[:, :1])
    assert flat == pytest.approx((RESIDUALS[:, 0] ** 2).mean())


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize(
    ("config", "output", "targets"),
    [
        ({"loss": "cross_entropy"}, LOGITS, torch.as_tensor(LABELS)),
        ({"loss": "cross_entropy"}, LOGITS, torch.as_tensor(SHARES).float()),
        ({"loss": "bce"}, LOGITS[:, :1], torch.as_tensor(LABELS) % 2),
        ({"loss": "mse"}, GUESSES, torch.as_tensor(NUMBERS).float()),
    ],
)
def test_outputs_of_half_precision_are_counted_in_float32(
    kind: torch.dtype, config: dict[str, Any], output: np.ndarray, targets: Tensor
) -> None:
    half = torch.tensor(output, dtype=kind, requires_grad=True)
    value = mean_loss(half, Batch(targets, targets), parse(config, Settings))
    assert value.dtype == torch.float32
    value.backward()
    assert half.grad is not None
    assert half.grad.isfinite().all()
    assert value.item() == pytest.approx(loss(config, half.detach().double(), targets), rel=1e-6)


def test_auto_is_resolved_by_the_task() -> None:
    auto = parse({}, Settings)
    assert resolve(auto, Signature((4,), 3)).loss == "cross_entropy"
    assert resolve(auto, Signature((4,), 1, "regression")).loss == "mse"
    chosen = parse({"loss": "huber"}, Settings)
    assert resolve(chosen, Signature((4,), 1, "regression")) is chosen
    assert loss({}, LOGITS, LABELS) == loss({"loss": "cross_entropy"}, LOGITS, LABELS)
    assert loss({}, GUESSES, NUMBERS) == loss({"loss": "mse"}, GUESSES, NUMBERS)


def test_balanced_class_weights_make_every_class_count_the_same() -> None:
    targets = torch.tensor([0] * 6 + [2] * 3 + [3])  # no row of class 1
    weights = sample_weights(parse({"class_weights": "balanced"}, Settings), targets)
    assert weights is not None
    assert weights.dtype == torch.float32
    expected = {0: 10 / (3 * 6), 2: 10 / (3 * 3), 3: 10 / 3}
    np.testing.assert_allclose(weights, [expected[label] for label in targets.tolist()], rtol=1e-6)
    assert weights.mean().item() == pytest.approx(1, abs=1e-6)
    sums = [weights[targets == label].sum().item() for label in expected]
    assert sums == pytest.approx([10 / 3] * 3)


def test_without_class_weights_all_rows_count_the_same() -> None:
    assert sample_weights(parse({}, Settings), torch.tensor([0, 1, 1])) is None


def test_the_weighted_loss_of_a_split_is_the_mean_of_its_classes_losses() -> None:
    labels = np.array([0, 0, 0, 0, 1, 2, 3])
    weights = sample_weights(parse({"class_weights": "balanced"}, Settings), torch.as_tensor(labels))
    rows = entropies(np.eye(CLASSES)[labels])
    classes = [rows[labels == label].mean() for label in range(CLASSES)]
    assert loss({}, LOGITS, labels, weights) == pytest.approx(np.mean(classes), rel=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_mixed_rows_weigh_each_rows_loss_by_its_own_weight(smoothing: float) -> None:
    random = torch.Generator().manual_seed(5)
    batch = Batch(
        torch.randn(8, 3, generator=random),
        torch.arange(8) % 4,
        torch.rand(8, generator=random) + 0.5,
    )
    settings = Settings(mixup=1.0, loss="cross_entropy", label_smoothing=smoothing)
    mixed = mix(batch, settings, random, classes=4)
    output = torch.randn(8, 4, generator=random)
    share = mixed.targets[0, 0]  # the row before is of another class
    assert batch.weights is not None

    def each(targets: torch.Tensor) -> torch.Tensor:
        return cross_entropy(output, targets, reduction="none", label_smoothing=smoothing)

    wanted = share * batch.weights * each(batch.targets)
    wanted += (1 - share) * batch.weights.roll(1) * each(batch.targets.roll(1))
    assert mean_loss(output, mixed, settings).item() == pytest.approx(wanted.mean().item(), rel=1e-5)


def test_mixed_rows_of_two_classes_weigh_alike_with_one_logit() -> None:
    random = torch.Generator().manual_seed(5)
    weights = torch.tensor([0.5, 2.0])[torch.arange(6) % 2]
    batch = Batch(torch.randn(6, 3, generator=random), torch.arange(6) % 2, weights)
    mixed = mix(batch, Settings(mixup=1.0), random, classes=2)
    logit = torch.randn(6, 1, generator=random)
    both = torch.cat([torch.zeros(6, 1), logit], 1)
    one, two = (
        mean_loss(output, mixed, Settings(loss=name)).item()
        for output, name in ((logit, "bce"), (both, "cross_entropy"))
    )
    assert one == pytest.approx(two, rel=1e-5)
