from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from trainer.data import load
from trainer.data.source import Source
from trainer.settings import DataSettings

RANDOM = np.random.RandomState(0)
X = RANDOM.normal(3, 2, (60, 4))
NAMES = np.repeat(["cat", "ant", "bee"], 20)


def saved(folder: Path, settings: dict[str, Any] | None = None, **arrays: Any) -> Source:
    path = folder / "table.npz"
    np.savez(path, **arrays)
    return load(DataSettings(data="npz", data_path=str(path), **(settings or {})))


def message(source: Source) -> str:
    with pytest.raises(ValueError) as caught:
        source.for_training()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def three(**changed: Any) -> dict[str, Any]:
    parts = {"train": slice(0, 60, 2), "validation": slice(1, 60, 4), "test": slice(3, 60, 4)}
    arrays = {f"x_{split}": X[rows] for split, rows in parts.items()}
    return arrays | {f"y_{split}": NAMES[rows] for split, rows in parts.items()} | changed


def test_strings_are_classes_in_sorted_order(tmp_path: Path) -> None:
    source = saved(tmp_path, x=X, y=NAMES)
    data, held_back = source.for_training(), source.for_test()
    assert source.signature == data.signature
    assert (data.signature.input_shape, data.signature.outputs) == ((4,), 3)
    assert (len(data.train), len(data.validation), len(held_back.test)) == (36, 12, 12)
    for split in (data.train, data.validation, held_back.test):
        for row, target in zip(split.inputs, split.targets, strict=True):
            (place,) = np.flatnonzero(np.isclose(X, row).all(1))
            assert ["ant", "bee", "cat"][int(target)] == NAMES[place]


@pytest.mark.parametrize(
    ("y", "task", "outputs"),
    [
        (np.tile([0, 1, 5], 20), "classification", 3),
        (np.tile([0.0, 1.0, 5.0], 20), "classification", 3),
        (np.tile([True, False], 30), "classification", 2),
        (np.repeat(np.arange(50), 3), "classification", 50),
        (np.repeat(np.arange(51), 3), "regression", 1),
        (np.arange(60), "regression", 1),
        (np.tile([0.5, 1.0], 30), "regression", 1),
        (np.tile([[0.0, 1.0]], (60, 1)), "regression", 2),
    ],
)
def test_the_task_follows_from_the_targets(tmp_path: Path, y: Any, task: str, outputs: int) -> None:
    source = saved(tmp_path, x=np.ones((len(y), 4)), y=y)
    assert (source.signature.task, source.signature.outputs) == (task, outputs)


def test_the_task_can_be_told(tmp_path: Path) -> None:
    source = saved(tmp_path, {"task": "regression"}, x=X, y=np.tile([0, 1, 5], 20)[:, None])
    assert (source.signature.task, source.signature.outputs) == ("regression", 1)


def test_outputs_share_one_deviation(tmp_path: Path) -> None:
    y = RANDOM.normal(0, [1, 10], (60, 2))
    data = saved(tmp_path, x=X, y=y).for_training()
    targets = data.train.targets.double()
    torch.testing.assert_close(targets.mean(0), torch.zeros(2).double(), atol=1e-6, rtol=0)
    assert targets.var(0, correction=0).mean().item() == pytest.approx(1)
    ratio = targets.std(0, correction=0)
    assert (ratio[1] / ratio[0]).item() == pytest.approx(10, rel=0.5)


def test_images_of_bytes_are_scaled_and_normalised_by_channel(tmp_path: Path) -> None:
    images = RANDOM.randint(0, 256, (60, 3, 4, 4)).astype(np.uint8)
    images[:, 1] //= 2
    images[:, 2] = 7
    data = saved(tmp_path, x=images, y=NAMES).for_training()
    assert data.train.inputs.dtype == torch.uint8
    assert data.normaliser.mean is not None and data.normaliser.mean.shape == (3, 1, 1)
    inputs = data.normaliser(data.train.inputs).double()
    torch.testing.assert_close(inputs.mean((0, 2, 3)), torch.zeros(3).double(), atol=1e-5, rtol=0)
    expected = torch.tensor([1.0, 1.0, 0.0]).double()
    torch.testing.assert_close(inputs.std((0, 2, 3), correction=0), expected, atol=1e-5, rtol=0)
    assert data.normaliser.unit(data.train.inputs).max() <= 1


def test_the_file_may_give_the_splits(tmp_path: Path) -> None:
    source = saved(tmp_path, **three())
    data, held_back = source.for_training(), source.for_test()
    np.testing.assert_allclose(data.train.inputs, X[::2], rtol=1e-6)
    np.testing.assert_allclose(data.validation.inputs, X[1::4], rtol=1e-6)
    np.testing.assert_allclose(held_back.test.inputs, X[3::4], rtol=1e-6)
    np.testing.assert_allclose(data.normaliser.mean, X[::2].mean(0), rtol=1e-5)


def test_training_needs_no_test_arrays(tmp_path: Path) -> None:
    whole = saved(tmp_path, **three()).for_training()
    arrays = {name: array for name, array in three().items() if "test" not in name}
    source = saved(tmp_path, **arrays)
    data = source.for_training()
    assert data.digest == whole.digest
    torch.testing.assert_close(data.train.inputs, whole.train.inputs)
    with pytest.raises(ValueError, match=": x_test and y_test missing"):
        source.for_test()


def test_missing_numbers_are_filled_by_the_training_split(tmp_path: Path) -> None:
    x = X.copy()
    x[0, 1] = x[1, 1] = np.nan  # one that trains, one that validates
    arrays = three(x_train=x[::2], x_validation=x[1::4])
    data = saved(tmp_path, {"missing": "mean"}, **arrays).for_training()
    assert data.train.inputs[0, 1].item() == pytest.approx(X[2::2, 1].mean())
    assert data.validation.inputs[0, 1] == data.train.inputs[0, 1]
    assert message(saved(tmp_path, **arrays)) == (
        "missing: refuse allows no empty cell, found 2 in the array x (training and validation split): fill "
        "or drop them, or use missing: mean, median, most_frequent or zero"
    )


def test_a_class_that_is_not_trained_on_is_named(tmp_path: Path) -> None:
    labels = NAMES[1::4].copy()
    labels[:2] = "dog"
    assert message(saved(tmp_path, **three(y_validation=labels))) == (
        "every class must occur in the training split, found class dog in the validation split only: train "
        "on some of its rows, or take its 2 rows out"
    )
    source = saved(tmp_path, **three(y_test=labels))
    source.for_training()
    with pytest.raises(ValueError, match="found class dog in the test split only"):
        source.for_test()


@pytest.mark.parametrize(
    ("settings", "arrays", "expected"),
    [
        (
            {},
            {"x": X},
            "data: npz needs the arrays x and y, or x_train, y_train, x_validation, y_validation, x_test and "
            "y_test, found x: y missing",
        ),
        (
            {},
            {"x": X, "y": NAMES[:9]},
            "x and y must have as many rows, at least 1, found 60 and 9",
        ),
        (
            {},
            {"x": X[:, 0], "y": NAMES},
            "the array x must have 2 dimensions or more, found 1",
        ),
        (
            {},
            {"x": X, "y": NAMES.astype(object)},
            "the array y must hold numbers or strings, found objects: save it with a plain dtype",
        ),
        (
            {},
            {"x": NAMES[:, None], "y": NAMES},
            "the array x must hold numbers, found the type <U3",
        ),
        (
            {},
            {"x": X, "y": np.full(60, "ant")},
            "data: npz needs at least 2 classes to tell apart, found only class ant in the training split",
        ),
        (
            {"task": "regression"},
            {"x": X, "y": NAMES},
            "task: regression needs numbers as targets, found cat: use task: classification",
        ),
        (
            {"task": "classification"},
            {"x": X, "y": X[:, 0]},
            "task: classification needs one column of strings, booleans or whole numbers as targets, found "
            f"numbers such as {X[0, 0]:g}: use task: regression",
        ),
        (
            {},
            three(x_train=np.where(np.isclose(X, X[0, 0]), np.inf, X)[::2]),
            "inputs must be finite numbers (float32), found 1 infinite in the array x (training split): take "
            "their rows out",
        ),
        (
            {},
            three(x_validation=X[1::4, :2]),
            "x_train and x_validation must hold inputs of one shape, found (4,) and (2,)",
        ),
        (
            {},
            three(y_train=np.where(np.arange(30) < 2, np.nan, X[::2, 0]), y_validation=X[1::4, 0]),
            "every target must be a finite number, found 2 rows of the training split without one: take them "
            "out",
        ),
    ],
)
def test_a_wrong_file_gets_one_line(
    tmp_path: Path, settings: dict[str, Any], arrays: dict[str, Any], expected: str
) -> None:
    assert message(saved(tmp_path, settings, **arrays)) == expected


def test_another_kind_of_file_gets_one_line(tmp_path: Path) -> None:
    path = tmp_path / "table.npz"
    source = load(DataSettings(data="npz", data_path=str(path)))
    assert message(source) == f"data_path must be a .npz file, found nothing at {path}"
    path.write_text("a,b\n1,2\n")
    assert message(source) == f"data_path must be a .npz file, found another kind of file at {path}"
    with path.open("wb") as file:
        np.save(file, X)
    assert (
        message(source) == f"data_path must be a .npz file, found a single array at {path}: use numpy.savez"
    )
    source = load(DataSettings(data="npz"))
    assert message(source) == "data: npz needs data_path, the path of a .npz file, found none"
