from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from trainer.batch import Batch
from trainer.models import build
from trainer.models.layers import Dropout, draw_from
from trainer.rules import parse
from trainer.settings import Settings
from trainer.signature import Signature
from trainer.uncertainty import mc_dropout

ROWS = Signature((6,), 3)
NUMBERS = Signature((6,), 2, "regression", target_scale=10.0, target_mean=(3.0, -5.0))


@dataclass
class Rows:
    """A split in batches of 16 rows and a rest."""

    inputs: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return -(-len(self.targets) // 16)

    def __iter__(self) -> Any:
        return map(Batch, self.inputs.split(16), self.targets.split(16))


def rows_of(signature: Signature, samples: int = 40) -> Rows:
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(samples, 6, generator=generator)
    if signature.task == "classification":
        return Rows(inputs, torch.randint(signature.outputs, (samples,), generator=generator))
    return Rows(inputs, torch.randn(samples, signature.outputs, generator=generator))


def model_of(config: dict[str, Any], signature: Signature) -> nn.Module:
    torch.manual_seed(0)
    settings = parse(
        {"model": "mlp", "width": 16, "init": "kaiming_normal", "dropout": 0.4, **config}, Settings
    )
    model = build(settings, signature)
    draw_from(model, torch.Generator().manual_seed(2))
    return model


def by_hand(model: nn.Module, feed: Rows, passes: int) -> np.ndarray[Any, Any]:
    """Outputs (passes, samples, outputs), drawn in the order of the batches."""
    model.eval()
    for layer in model.modules():
        if isinstance(layer, Dropout | nn.Dropout):
            layer.train()
    with torch.no_grad():
        batches = [torch.stack([model(batch.inputs) for _ in range(passes)]) for batch in feed]
    return torch.cat(batches, 1).double().numpy()


def softmax(logits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    shifted = np.exp(logits - logits.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)


def entropy(probabilities: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return -(probabilities * np.log(probabilities)).sum(-1)


@pytest.mark.parametrize("loss", ["cross_entropy", "bce"])
def test_classes_get_the_mean_prediction_and_its_entropies(loss: str) -> None:
    signature = ROWS if loss == "cross_entropy" else Signature((6,), 2)
    feed = rows_of(signature)
    outputs = by_hand(model_of({"loss": loss}, signature), feed, 7)
    if loss == "bce":
        outputs = np.concatenate((np.zeros_like(outputs), outputs), -1)  # the logit of class 0 is 0
    each = softmax(outputs)
    mean = each.mean(0)
    truth = feed.targets.numpy()

    told = mc_dropout(model_of({"loss": loss}, signature), feed, signature, 7)
    assert json.loads(json.dumps(told)) == told
    assert told["passes"] == 7
    assert told["accuracy"] == pytest.approx((mean.argmax(1) == truth).mean())
    assert told["loss"] == pytest.approx(-np.log(mean[np.arange(40), truth]).mean(), abs=1e-6)
    assert told["entropy"] == pytest.approx(entropy(mean).mean(), abs=1e-6)
    assert told["mutual_information"] == pytest.approx(
        (entropy(mean) - entropy(each).mean(0)).mean(), abs=1e-6
    )
    assert 0.01 < told["mutual_information"] < told["entropy"]
    np.testing.assert_allclose(told["predictive_mean"], mean, atol=2e-6)
    np.testing.assert_allclose(told["predictive_entropy"], entropy(mean), atol=2e-6)
    assert all(len(repr(p)) <= 8 or p < 1e-3 for row in told["predictive_mean"] for p in row)


def test_numbers_get_mean_and_deviation_and_an_error_in_their_own_unit() -> None:
    feed = rows_of(NUMBERS)
    each = by_hand(model_of({}, NUMBERS), feed, 6)
    told = mc_dropout(model_of({}, NUMBERS), feed, NUMBERS, 6)
    error = each.mean(0) - feed.targets.numpy()
    assert told["passes"] == 6 and json.loads(json.dumps(told)) == told
    assert told["rmse"] == pytest.approx(10 * math.sqrt((error**2).mean()), abs=1e-5)
    np.testing.assert_allclose(told["predictive_mean"], 10 * each.mean(0) + NUMBERS.target_mean, atol=2e-5)
    np.testing.assert_allclose(told["predictive_deviation"], 10 * each.std(0), atol=2e-5)
    assert np.min(told["predictive_deviation"]) > 0


def test_one_pass_disagrees_with_nothing() -> None:
    told = mc_dropout(model_of({}, ROWS), rows_of(ROWS), ROWS, 1)
    assert told["mutual_information"] == pytest.approx(0, abs=1e-12)
    assert told["entropy"] > 0


def test_certain_predictions_have_no_entropy() -> None:
    model = nn.Sequential(Dropout(0.5), nn.Linear(6, 3))
    nn.init.zeros_(model[1].weight)
    model[1].bias.data = torch.tensor([0.0, 1e4, 0.0])
    feed = rows_of(ROWS)
    told = mc_dropout(model, Rows(feed.inputs, torch.ones(40, dtype=torch.int64)), ROWS, 3)
    assert told["accuracy"] == 1
    assert [told[name] for name in ("loss", "entropy", "mutual_information")] == pytest.approx(
        [0, 0, 0], abs=1e-12
    )


@pytest.mark.parametrize("layer", [nn.Dropout(0.5), nn.AlphaDropout(0.5), Dropout(0.5)])
def test_dropout_of_any_make_is_on_and_all_else_as_in_evaluation(layer: nn.Module) -> None:
    model = nn.Sequential(nn.BatchNorm1d(6), layer, nn.Linear(6, 3))
    model[0].eval()
    modes = [module.training for module in model.modules()]
    statistics = {name: value.clone() for name, value in model.state_dict().items()}
    told = mc_dropout(model, rows_of(ROWS), ROWS, 5)
    assert told["mutual_information"] > 0
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, statistics[name]) for name, value in model.state_dict().items())


def test_batch_norm_counts_nothing_of_a_model_in_training_mode() -> None:
    model = model_of({}, ROWS).train()
    mc_dropout(model, rows_of(ROWS), ROWS, 2)
    norm = next(m for m in model.modules() if isinstance(m, nn.BatchNorm1d))
    assert norm.training and int(norm.num_batches_tracked) == 0  # type: ignore[arg-type]


def test_without_dropout_all_passes_agree() -> None:
    told = mc_dropout(model_of({"dropout": 0.0}, ROWS), rows_of(ROWS), ROWS, 5)
    assert told["mutual_information"] == pytest.approx(0, abs=1e-9)


def test_a_model_without_dropout_layers_is_refused_before_it_trains(run: Callable) -> None:
    failed = run({"mc_dropout": 20, "model": "linear"}, fails=True)
    assert failed.outcome.message == (
        "ValueError: mc_dropout: 20 needs a model with dropout layers, found model: linear: "
        "use mc_dropout: 0, or cnn, mlp, resnet"
    )
