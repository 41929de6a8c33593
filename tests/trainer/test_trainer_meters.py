"""Every metric against scikit-learn's, over whole splits however they are cut into batches."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference
from torch import Tensor

from trainer.meters import LossMeter, Meter, build_meter, read
from trainer.meters import meter as module
from trainer.meters.ranking import auroc
from trainer.settings import Settings
from trainer.signature import Signature

TEN = Signature((4,), 10)
TWO = Signature((4,), 2)


def fill(meter: Meter, outputs: Tensor, targets: Tensor, size: int = 7) -> Meter:
    """Add all rows in batches of ``size``, each with a loss of its own: the mean of its rows' numbers."""
    numbers = torch.arange(len(outputs), dtype=torch.float32)
    for part in numbers.long().split(size):
        meter.add(numbers[part].mean(), outputs[part], targets[part])
    return meter


def measure(signature: Signature, outputs: Tensor, targets: Tensor, **options: Any) -> dict[str, float]:
    meter = fill(build_meter(Settings(**options), signature), outputs, targets)
    (values,) = read(meter.values())
    assert all(value.ndim == 0 for value in meter.values().values())
    return values


def some_classes(classes: int, rows: int = 200, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Logits with ties, better than chance."""
    generator = torch.Generator().manual_seed(seed)
    targets = torch.randint(0, classes, (rows,), generator=generator)
    logits = torch.randn(rows, classes, generator=generator)
    logits[torch.arange(rows), targets] += 1
    return logits, targets


def macro(targets: Any, predicted: Any) -> dict[str, float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        triple = reference.precision_recall_fscore_support(
            targets, predicted, average="macro", zero_division=0
        )
    return dict(zip(("precision", "recall", "f1"), triple, strict=False))


def test_classes_have_the_metrics_of_scikit_learn() -> None:
    logits, targets = some_classes(10)
    found = measure(TEN, logits, targets)
    predicted = logits.argmax(1)
    probabilities = logits.double().softmax(1)
    expected = {
        "loss": 99.5,
        "accuracy": reference.accuracy_score(targets, predicted),
        "top5": reference.top_k_accuracy_score(targets, logits, k=5),
        **macro(targets, predicted),
        "auroc": reference.roc_auc_score(targets, probabilities, multi_class="ovr"),
    }
    assert list(found) == list(expected)
    assert found == pytest.approx(expected, abs=1e-9)


def test_accuracy_is_every_micro_average() -> None:
    logits, targets = some_classes(10)
    micro = reference.precision_recall_fscore_support(targets, logits.argmax(1), average="micro")[:3]
    assert micro == pytest.approx([measure(TEN, logits, targets)["accuracy"]] * 3)


@pytest.mark.parametrize("shape", [(-1, 1), (-1,)])
def test_one_logit_a_row_is_that_of_class_1(shape: tuple[int, ...]) -> None:
    logits, targets = some_classes(2)
    margin = logits[:, 1] - logits[:, 0]
    found = measure(TWO, margin.reshape(shape), targets)
    assert found == pytest.approx(measure(TWO, logits, targets))
    assert found["auroc"] == pytest.approx(reference.roc_auc_score(targets, margin))
    assert "top5" not in found


def test_the_largest_probability_of_a_mixed_row_is_its_class() -> None:
    logits, targets = some_classes(10)
    mixed = 0.6 * torch.nn.functional.one_hot(targets, 10) + 0.04
    meter = build_meter(Settings(), TEN)
    meter.add(torch.tensor(0.0), logits[:50], targets[:50])  # not every batch need be mixed
    meter.add(torch.tensor(0.0), logits[50:], mixed[50:])
    expected = {**measure(TEN, logits, targets), "loss": 0.0}
    assert read(meter.values()) == [pytest.approx(expected)]


def test_classes_that_never_occur_are_left_out() -> None:
    logits, targets = some_classes(10)
    targets = targets % 4 + 1
    logits[:, 6:] = -9.0  # neither true nor predicted; 0 and 5 are predicted only
    found = measure(TEN, logits, targets)
    predicted = logits.argmax(1)
    assert {0, 5} <= set(predicted.tolist())
    assert {name: found[name] for name in ("precision", "recall", "f1")} == pytest.approx(
        macro(targets, predicted)
    )
    scores = logits.double().softmax(1)
    areas = [reference.roc_auc_score(targets == k, scores[:, k]) for k in range(1, 5)]
    assert found["auroc"] == pytest.approx(np.mean(areas), abs=1e-9)


def test_a_single_true_class_has_no_auroc() -> None:
    logits, _ = some_classes(10)
    assert math.isnan(measure(TEN, logits, torch.zeros(200, dtype=torch.int64))["auroc"])
    assert math.isnan(measure(TWO, logits[:, :2], torch.ones(200, dtype=torch.int64))["auroc"])


def test_outputs_that_are_not_numbers_earn_nothing() -> None:
    _, targets = some_classes(10)
    found = measure(TEN, torch.full((200, 10), torch.nan), targets)
    assert math.isnan(found["auroc"])
    assert found["top5"] == 0.0
    assert measure(TEN, torch.zeros(200, 10), targets)["top5"] == 0.0


def test_top_k_is_reported_only_above_k_classes() -> None:
    logits, targets = some_classes(10)
    assert "top9" in measure(TEN, logits, targets, top_k=9)
    assert not any(name.startswith("top") for name in measure(TEN, logits, targets, top_k=10))


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_outputs_of_half_precision_are_measured_in_single(kind: torch.dtype) -> None:
    logits, targets = some_classes(10)
    low = logits.to(kind)
    assert measure(TEN, low, targets) == measure(TEN, low.float(), targets)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-12, 0), st.booleans()), min_size=2, max_size=40),
    st.sampled_from([0.25, 1e-30, 1e30]),
)
def test_auroc_averages_the_ranks_of_ties(rows: list[tuple[int, bool]], unit: float) -> None:
    scores = torch.tensor([score * unit for score, _ in rows])
    positive = torch.tensor([kind for _, kind in rows])
    (found,) = auroc(scores[None], positive[None]).tolist()
    if positive.all() or not positive.any():
        assert math.isnan(found)
    else:
        assert found == pytest.approx(reference.roc_auc_score(positive, scores.double()), abs=1e-12)


def test_the_confusion_matrix_has_a_row_a_true_class() -> None:
    logits, targets = some_classes(10)
    details = fill(build_meter(Settings(), TEN), logits, targets).details()
    expected = reference.confusion_matrix(targets, logits.argmax(1), labels=range(10))
    assert details == {"confusion": expected.tolist()}
    assert json.loads(json.dumps(details)) == details


@pytest.mark.parametrize("outputs", [1, 3])
def test_numbers_are_measured_in_their_own_unit(outputs: int) -> None:
    generator = torch.Generator().manual_seed(0)
    truth = torch.randn(100, outputs, generator=generator)
    predicted = truth + 0.3 * torch.randn(100, outputs, generator=generator)
    found = measure(Signature((4,), outputs, "regression", 5.0), predicted, truth)
    own, guess = truth.double() * 5, predicted.double() * 5
    expected = {
        "loss": 49.5,
        "mae": reference.mean_absolute_error(own, guess),
        "mse": reference.mean_squared_error(own, guess),
        "rmse": math.sqrt(reference.mean_squared_error(own, guess)),
        "r2": reference.r2_score(own, guess),
    }
    assert list(found) == list(expected)
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("offset", "r2"), [(0.0, 1.0), (0.1, 0.0)])
def test_equal_targets_explain_nothing(offset: float, r2: float) -> None:
    truth = torch.full((50, 1), 0.7)
    assert measure(Signature((4,), 1, "regression"), truth + offset, truth)["r2"] == r2
    assert reference.r2_score(truth, truth + offset) == r2


def test_a_single_output_may_lack_its_axis() -> None:
    generator = torch.Generator().manual_seed(0)
    truth, guess = torch.randn(2, 30, 1, generator=generator)
    signature = Signature((4,), 1, "regression", 2.0)
    assert measure(signature, guess[:, 0], truth) == measure(signature, guess, truth)


def cases() -> Mapping[str, Callable[[], tuple[Signature, Tensor, Tensor]]]:
    numbers = torch.randn(2, 200, 3, generator=torch.Generator().manual_seed(0))
    return {
        "ten classes": lambda: (TEN, *some_classes(10)),
        "two classes": lambda: (TWO, *some_classes(2)),
        "numbers": lambda: (Signature((4,), 3, "regression", 2.0), numbers[0], numbers[1]),
    }


@pytest.mark.parametrize("case", cases())
def test_a_pass_too_large_to_keep_is_summed_up(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    signature, outputs, targets = cases()[case]()
    whole = fill(build_meter(Settings(), signature), outputs, targets)
    monkeypatch.setattr(module, "HELD", 100)
    folded = fill(build_meter(Settings(), signature), outputs, targets)
    expected, found = read(whole.values(), folded.values())
    if "auroc" in expected:
        assert math.isnan(found.pop("auroc"))
        del expected["auroc"]
    assert found == pytest.approx(expected)
    assert folded.details() == whole.details()


@pytest.mark.parametrize("case", cases())
def test_the_cut_into_batches_does_not_matter(case: str) -> None:
    signature, outputs, targets = cases()[case]()
    passes = [fill(build_meter(Settings(), signature), outputs, targets, n).values() for n in (7, 64, 200)]
    first, second, third = read(*passes)
    assert first == pytest.approx(second)
    assert first == pytest.approx(third)


def test_another_task_has_the_loss_alone() -> None:
    meter = fill(LossMeter(), torch.zeros(20, 3, 3), torch.zeros(20, 3, 3))
    assert read(meter.values()) == [{"loss": pytest.approx(9.5)}]
    assert meter.details() == {}


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("case", cases())
def test_a_device_measures_the_same_without_being_waited_for(case: str) -> None:
    signature, outputs, targets = cases()[case]()
    pairs = zip(outputs.split(50), targets.split(50), strict=True)
    batches = [(torch.tensor(0.5).cuda(), output.cuda(), truth.cuda()) for output, truth in pairs]
    near, far = (build_meter(Settings(), signature) for _ in range(2))
    torch.cuda.set_sync_debug_mode("error")
    try:
        for batch in batches:
            far.add(*batch)
        values = far.values()
    finally:
        torch.cuda.set_sync_debug_mode("default")
    for loss, output, truth in batches:
        near.add(loss.cpu(), output.cpu(), truth.cpu())
    assert read(values) == [pytest.approx(read(near.values())[0], rel=1e-5)]
    assert far.details() == near.details()
