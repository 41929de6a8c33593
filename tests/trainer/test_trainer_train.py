from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from sweeps.messages import Interrupted, Raised, Returned
from trainer import build_model, check_config, functions
from trainer.data import load
from trainer.recipe import Standard
from trainer.rules import parse
from trainer.settings import Settings

TIMING = {"samples_per_second", "peak_memory_mb"}  # no two runs agree on these
EVERYTHING = {
    "model": "mlp",
    "dropout": 0.3,
    "optimizer": "sgd",
    "lr": 0.05,
    "plateau_patience": 0,
    "mixup": 0.2,
    "label_smoothing": 0.1,
    "clip_norm": 1.0,
    "accumulate": 2,
    "l2": 1e-3,
}
IMAGES = {
    "model": "cnn",
    "channels": 4,
    "rotation": 10,
    "crop_padding": 1,
    "erasing": 0.5,
    "cutmix": 1.0,
    "brightness": 0.2,
    "contrast": 0.2,
    "class_weights": "balanced",
    "schedule": "one_cycle",
}


def curves(reports: dict[int, dict[str, float]]) -> dict[int, dict[str, float]]:
    """What must be equal to the bit."""
    return {epoch: {k: v for k, v in row.items() if k not in TIMING} for epoch, row in reports.items()}


@pytest.mark.parametrize(
    ("config", "task"),
    [
        ({"data": "digits", "model": "cnn"}, "classes"),
        ({"data": "wine", "model": "mlp"}, "classes"),
        ({"data": "breast_cancer", "model": "linear", "loss": "bce"}, "binary"),
        ({"data": "diabetes", "model": "mlp", "loss": "huber"}, "numbers"),
    ],
    ids=lambda value: value if isinstance(value, str) else value["data"],
)
def test_every_epoch_reports_both_splits_and_the_monitors(run: Callable, config: Any, task: str) -> None:
    (metrics,) = run(config).reports.values()
    scores = {
        "classes": ["accuracy", "precision", "recall", "f1", "auroc"],
        "binary": ["accuracy", "precision", "recall", "f1", "auroc"],
        "numbers": ["mae", "mse", "rmse", "r2"],
    }[task]
    wanted = {f"{split}_{name}" for split in ("train", "val") for name in ["loss", *scores]}
    assert set(metrics) >= wanted | {"lr", "grad_norm", *TIMING}
    assert all(math.isfinite(value) for value in metrics.values())
    assert metrics["lr"] == 1e-3
    assert metrics["grad_norm"] > 0 and metrics["samples_per_second"] > 0 and metrics["peak_memory_mb"] > 0


def test_the_default_cnn_learns_the_digits(run: Callable) -> None:
    trained = run({"lr": 5e-3}, epochs=8)
    tested = trained.test()
    assert trained.best["val_accuracy"] >= 0.97
    assert tested["accuracy"] >= 0.97
    assert tested["loss"] < 0.15
    assert tested["samples"] == 359
    assert sum(map(sum, tested["confusion"])) == 359


@pytest.mark.parametrize("config", [EVERYTHING, IMAGES], ids=["rows", "images"])
def test_the_seed_decides_the_curves_to_the_bit(run: Callable, config: dict[str, Any]) -> None:
    first, same, other = (run(config, epochs=2, seed=s, folder=f) for s, f in ((1, "a"), (1, "b"), (2, "c")))
    assert curves(first.reports) == curves(same.reports)
    assert curves(first.reports) != curves(other.reports)


def test_deterministic_gives_equal_bits_whatever_ran_before(run: Callable) -> None:
    config = {**IMAGES, "deterministic": True}
    first = run(config, epochs=2, folder="first")
    run({"model": "mlp", "data": "wine"}, folder="between")
    assert curves(run(config, epochs=2, folder="second").reports) == curves(first.reports)


@pytest.mark.parametrize(
    "config",
    [
        {**EVERYTHING, "schedule": "plateau"},
        {**EVERYTHING, "schedule": "cosine", "warmup_epochs": 2, "averaging": "ema", "ema_decay": 0.9},
        {**EVERYTHING, "optimizer": "adam", "lr": 1e-3, "averaging": "swa", "swa_start": 0.5},
        IMAGES,
        {**IMAGES, "loader": "workers", "loader_workers": 0, "precision": "fp16"},
    ],
    ids=["plateau", "ema", "swa", "images", "loader"],
)
def test_an_interrupted_training_goes_on_as_if_nothing_happened(
    run: Callable, config: dict[str, Any]
) -> None:
    whole = run(config, epochs=5, folder="whole")
    cut = run(config, epochs=5, folder="cut", stop=(3, "interrupted"))
    assert cut.outcome == Interrupted()
    rest = run(config, epochs=5, folder="cut", number=2)
    assert curves({**cut.reports, **rest.reports}) == curves(whole.reports)
    assert list(rest.reports) == [4, 5]
    assert rest.test() == whole.test()


@pytest.mark.parametrize("averaging", ["none", "ema"])
def test_the_best_epoch_is_what_is_kept_and_tested(run: Callable, averaging: str) -> None:
    # So wild that the last epoch is not the best.
    config = {"model": "mlp", "lr": 0.3, "schedule": "constant", "averaging": averaging, "ema_decay": 0.5}
    trained = run(config, epochs=15)
    assert trained.best != trained.reports[15]

    state = torch.load(trained.spec.directory / "best.pt", weights_only=True)
    model = build_model(config).eval()
    model.load_state_dict(state["objects"]["model"])
    recipe, settings = Standard(), parse(config, Settings)
    data = load(settings).for_training()
    with torch.inference_mode():
        output = model(data.normaliser(data.validation.inputs))
    loss = torch.nn.functional.cross_entropy(output, data.validation.targets).item()
    assert loss == pytest.approx(trained.best["val_loss"], rel=1e-6)
    held_back = recipe.data(settings).for_test()
    predicted = model(held_back.normaliser(held_back.test.inputs)).argmax(1)
    accuracy = (predicted == held_back.test.targets).double().mean().item()
    assert trained.test()["accuracy"] == pytest.approx(accuracy)


def test_early_stopping_ends_the_training(run: Callable) -> None:
    stopped = run(EVERYTHING, epochs=6, stop=(2, "early_stopping"))
    assert stopped.outcome == Returned()
    assert list(stopped.reports) == [1, 2]


def test_the_training_split_can_be_measured_in_evaluation_mode(run: Callable) -> None:
    config = {"model": "mlp", "dropout": 0.5, "lr": 5e-3}
    running = run(config, epochs=3, folder="running").reports[3]
    measured = run({**config, "evaluate_train": True}, epochs=3, folder="measured").reports[3]
    assert measured["val_loss"] == running["val_loss"]  # the training itself is the same
    assert measured["train_loss"] < running["train_loss"]  # without dropout


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"optimizer": "sdg"}, "optimizer must be one of "),
        ({"widht": 3}, "unknown key widht: 3; did you mean width?"),
        (
            {"data": "wine", "model": "mlp", "flip": 0.5},
            "flip needs images (channels, height, width), and data: wine has rows of shape (13,): "
            "leave flip out, or set it to 0",
        ),
        ({"data": "wine"}, "model: cnn needs images (channels, height, width), and data: wine has rows of"),
        (
            {"data": "diabetes", "model": "mlp", "loss": "bce"},
            "loss must suit the task, found loss: bce with data: diabetes, which is a regression: "
            "use mse, mae, huber or auto",
        ),
        ({"loss": "mse"}, "loss must suit the task, found loss: mse with data: digits, which is a"),
        ({"loss": "bce"}, "loss: bce needs 2 classes, and data: digits has 10: use cross_entropy"),
        (
            {"data": "diabetes", "model": "mlp", "class_weights": "balanced"},
            "class_weights: balanced needs classes, and data: diabetes is a regression: "
            "use class_weights: none",
        ),
        (
            {"saturation": 0.2},
            "saturation needs images of 3 channels, and data: digits has 1: leave",
        ),
        ({"data": "csv"}, "data: csv needs target, the column to predict, found none"),
        ({"schedule": "step"}, "schedule: step needs step_epochs, found none: give it, e.g. step_epochs: 10"),
    ],
    ids=lambda value: "" if isinstance(value, str) else "-".join(value),
)
def test_a_bad_configuration_fails_with_its_key_and_rule(
    run: Callable, config: dict[str, Any], message: str
) -> None:
    failed = run(config, fails=True)
    assert isinstance(failed.outcome, Raised)
    assert failed.outcome.message.startswith(f"ValueError: {message}")
    assert failed.reports == {}
    with pytest.raises(ValueError) as error:  # known without reading a row
        check_config(config)
    assert str(error.value).startswith(message)


def test_batches_larger_than_the_split_and_a_single_row_left_over(run: Callable) -> None:
    for size in (5000, 359):  # 1078 = 3 * 359 + 1
        config: dict[str, Any] = {"model": "mlp", "batch_size": size}
        assert math.isfinite(run(config, folder=str(size)).reports[1]["train_loss"])


def test_facts_of_the_trial_are_recorded(run: Callable) -> None:
    trained = run({"model": "linear"})
    assert trained.facts["parameters"] == 650
    assert len(trained.facts["split"]) == 16
    assert trained.facts["baseline_loss"] == pytest.approx(math.log(10), abs=0.01)


def test_what_a_table_holds_is_known_before_anything_trains(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("size,city,price\n" + "".join(f"{i},{'ab'[i % 2]},{i * 1.5}\n" for i in range(30)))
    config = {"data": "csv", "data_path": str(path), "target": "price", "model": "mlp"}
    check_config(config)
    for change, message in (
        ({"flip": 0.5}, r"flip needs images .* rows of shape \(3,\)"),
        ({"loss": "bce"}, "loss must suit the task"),
        ({"target": "prize"}, "prize"),
        ({"model": "my_models_nowhere:build"}, "found no module my_models_nowhere"),
    ):
        with pytest.raises(ValueError, match=message):
            check_config({**config, **change})
    path.write_text("size,city,price\n")
    with pytest.raises(ValueError, match=r"data: csv needs rows, found none in .*table2\.csv"):
        path.rename(tmp_path / "table2.csv")
        check_config({**config, "data_path": str(tmp_path / "table2.csv")})


def test_a_test_tells_how_to_prepare_rows_for_the_model(run: Callable, tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    rows = [(i % 7, "ab"[i % 2], 100 + 3 * (i % 7)) for i in range(60)]
    path.write_text("size,city,price\n" + "".join(f"{a},{b},{c}\n" for a, b, c in rows))
    config = {"data": "csv", "data_path": str(path), "target": "price", "task": "regression", "lr": 0.05}
    trained = run({**config, "model": "linear"}, epochs=60)
    told = trained.test()["preprocessing"]
    assert told["inputs"]["columns"] == ["size", "city=a", "city=b"]

    state = torch.load(trained.spec.directory / "best.pt", weights_only=True)["objects"]["model"]
    model = build_model({**config, "model": "linear"}).eval()
    model.load_state_dict(state)
    raw = torch.tensor([[2.0, 1.0, 0.0], [5.0, 0.0, 1.0]])
    inputs = (raw * told["inputs"]["scale"] - torch.tensor(told["inputs"]["mean"])) / torch.tensor(
        told["inputs"]["deviation"]
    )
    answers = model(inputs) * told["targets"]["scale"] + torch.tensor(told["targets"]["mean"])
    assert answers.flatten().tolist() == pytest.approx([106, 115], abs=1.5)

    classes = run({"data": "csv", "data_path": str(path), "target": "city", "model": "linear"}, folder="two")
    assert classes.test()["preprocessing"]["targets"] == {"classes": ["a", "b"]}


def test_a_recipe_with_data_of_its_own_is_not_judged_by_the_key_data() -> None:
    class Elsewhere(Standard):
        def data(self, config: Settings) -> Any:
            raise NotImplementedError

    config = {"loss": "huber", "model": "mlp"}
    functions(Elsewhere()).check_config(config)
    with pytest.raises(ValueError, match="loss must suit the task, found loss: huber with data: digits"):
        functions(Standard()).check_config(config)


def test_every_trial_of_a_process_is_compiled(run: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = []

    def backend(graph: torch.fx.GraphModule, _: list[torch.Tensor]) -> Callable:
        compiled.append(graph)
        return graph.forward

    original = torch.compile
    monkeypatch.setattr(torch, "compile", lambda model: original(model, backend=backend))
    counts = []
    for width in range(8, 19):  # more models than torch compiles of one frame
        config = {"model": "mlp", "width": width, "depth": 1, "dropout": 0.0, "compile": True}
        assert run(config, folder=str(width)).reports
        counts.append(len(compiled))
        compiled.clear()
    assert min(counts) > 0


def test_importing_the_package_is_cheap_and_gives_functions() -> None:
    code = (
        "import sys, trainer.train, trainer\n"
        "assert callable(trainer.train) and callable(trainer.test)\n"
        "assert sys.modules['trainer.train'].train is trainer.train\n"
        "trainer.check_config({'optimizer': 'adam', 'data': 'wine', 'model': 'mlp'})\n"
        "heavy = {'torch', 'numpy', 'sklearn', 'sweeps'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
