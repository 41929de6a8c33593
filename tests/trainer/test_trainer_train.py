from __future__ import annotations

import itertools
import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch

from sweeps.messages import Interrupted, Raised, Returned
from trainer import build_model
from trainer.config import parse
from trainer.data import load
from trainer.epoch import evaluate
from trainer.metrics import Scores

EVERYTHING = {"model": "mlp", "dropout": 0.3, "optimizer": "sgd", "lr": 0.05, "plateau_patience": 0}


@pytest.mark.parametrize(
    ("model", "optimizer", "schedule"),
    [*itertools.product(["cnn", "mlp"], ["sgd", "adam", "adamw"], ["constant", "cosine", "plateau"])],
)
def test_every_combination_trains_and_reports(
    run: Callable, model: str, optimizer: str, schedule: str
) -> None:
    config = {"model": model, "optimizer": optimizer, "schedule": schedule, "lr": 0.005, "channels": 4}
    (metrics,) = run(config).reports.values()
    assert list(metrics) == ["train_loss", "val_loss", "train_accuracy", "val_accuracy", "lr"]
    assert all(math.isfinite(value) for value in metrics.values())
    assert metrics["lr"] == 0.005


def test_the_default_cnn_learns_the_digits(run: Callable) -> None:
    trained = run({"lr": 5e-3}, epochs=8)
    tested = trained.test()
    assert trained.best["val_accuracy"] >= 0.97
    assert tested["accuracy"] >= 0.97
    assert tested["loss"] < 0.15
    assert tested["samples"] == 359


def test_the_seed_decides_the_curves_to_the_bit(run: Callable) -> None:
    first, same, other = (
        run(EVERYTHING, epochs=2, seed=s, folder=f) for s, f in ((1, "a"), (1, "b"), (2, "c"))
    )
    assert first.reports == same.reports
    assert first.reports != other.reports


@pytest.mark.parametrize("schedule", ["cosine", "plateau"])
def test_an_interrupted_training_goes_on_as_if_nothing_happened(run: Callable, schedule: str) -> None:
    config = {**EVERYTHING, "schedule": schedule}
    whole = run(config, epochs=6, folder="whole")
    cut = run(config, epochs=6, folder="cut", stop=(3, "interrupted"))
    assert cut.outcome == Interrupted()
    rest = run(config, epochs=6, folder="cut", number=2)
    assert {**cut.reports, **rest.reports} == whole.reports
    assert list(rest.reports) == [4, 5, 6]
    assert rest.test() == whole.test()


def test_the_best_epoch_is_what_is_kept_and_tested(run: Callable) -> None:
    config = {**EVERYTHING, "lr": 0.5, "schedule": "constant"}  # so wild that the last epoch is not the best
    trained = run(config, epochs=20)
    assert trained.best != trained.reports[20]

    state = torch.load(trained.spec.directory / "best.pt", weights_only=True)
    model = build_model(config)
    model.load_state_dict(state["objects"]["model"])
    (scores,) = Scores.read(evaluate(model, load(parse(config)).for_training().validation))
    assert (scores.loss, scores.accuracy) == (trained.best["val_loss"], trained.best["val_accuracy"])
    (tested,) = Scores.read(evaluate(model, load(parse(config)).for_test().test))
    assert trained.test() == {"accuracy": tested.accuracy, "loss": tested.loss, "samples": 359}


def test_early_stopping_ends_the_training(run: Callable) -> None:
    stopped = run(EVERYTHING, epochs=6, stop=(2, "early_stopping"))
    assert stopped.outcome == Returned()
    assert list(stopped.reports) == [1, 2]


def test_a_bad_configuration_fails_with_its_key_and_rule(run: Callable) -> None:
    failed = run({"optimizer": "sdg", "widht": 3}, fails=True)
    assert isinstance(failed.outcome, Raised)
    assert failed.outcome.message.startswith("ValueError: unknown key widht: 3; did you mean width?")
    assert "optimizer must be one of sgd, adam, adamw, found sdg" in failed.outcome.message
    assert failed.reports == {}


def test_batches_larger_than_the_split_and_a_single_row_left_over(run: Callable) -> None:
    for size in (5000, 359):  # 1078 = 3 * 359 + 1
        config: dict[str, Any] = {"model": "mlp", "batch_size": size}
        assert math.isfinite(run(config, folder=str(size)).reports[1]["train_loss"])


def test_importing_the_package_is_cheap_and_gives_functions() -> None:
    code = (
        "import sys, trainer.train, trainer\n"
        "assert callable(trainer.train) and callable(trainer.test)\n"
        "assert sys.modules['trainer.train'].train is trainer.train\n"
        "heavy = {'torch', 'numpy', 'sklearn', 'sweeps'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
