from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from sklearn.datasets import load_diabetes

from trainer.data import SOURCES, load
from trainer.data.bundled import Bundled, Diabetes, Digits, Table
from trainer.data.source import TestData
from trainer.data.split import assign
from trainer.settings import DataSettings

BUNDLED = {
    "digits": ((1, 8, 8), 10, "classification", (1078, 360, 359)),
    "breast_cancer": ((30,), 2, "classification", (341, 115, 113)),
    "wine": ((13,), 3, "classification", (107, 35, 36)),
    "diabetes": ((10,), 1, "regression", (265, 89, 88)),
}


@pytest.mark.parametrize("name", BUNDLED)
def test_the_signature_is_what_the_data_has(name: str) -> None:
    shape, outputs, task, sizes = BUNDLED[name]
    source = load(DataSettings(data=name))
    data, held_back = source.for_training(), source.for_test()
    signature = source.signature
    assert signature == data.signature == held_back.signature
    assert (signature.input_shape, signature.outputs, signature.task) == (shape, outputs, task)
    assert (len(data.train), len(data.validation), len(held_back.test)) == sizes
    for split in (data.train, data.validation, held_back.test):
        assert split.inputs.shape[1:] == shape and split.inputs.dtype == torch.float32
        if task == "classification":
            assert split.targets.dtype == torch.int64
            assert sorted(set(split.targets.tolist())) == list(range(outputs))
        else:
            assert split.targets.dtype == torch.float32 and split.targets.shape[1:] == (1,)


def test_the_split_of_the_digits_never_changes() -> None:
    assert load(DataSettings()).for_training().digest == "6f77564cc4ec0281"


@pytest.mark.parametrize("name", ["breast_cancer", "wine", "diabetes"])
def test_columns_are_normalised_by_the_training_split_alone(name: str) -> None:
    source = load(DataSettings(data=name, split_seed=3))
    data, held_back = source.for_training(), source.for_test()
    inputs = data.normaliser(data.train.inputs).double().numpy()
    np.testing.assert_allclose(inputs.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(inputs.std(0), 1, atol=1e-5)
    raw = data.train.inputs.double().numpy()
    expected = (held_back.test.inputs.double().numpy() - raw.mean(0)) / raw.std(0)
    np.testing.assert_allclose(held_back.normaliser(held_back.test.inputs), expected, atol=1e-4)


def test_images_are_normalised_by_the_training_pixels_alone() -> None:
    data = load(DataSettings(split_seed=3)).for_training()
    images = data.normaliser(data.train.inputs)
    assert images.mean().item() == pytest.approx(0, abs=1e-5)
    assert images.std(correction=0).item() == pytest.approx(1, abs=1e-5)
    scaled = data.train.inputs / 16
    expected = (data.validation.inputs / 16 - scaled.mean()) / scaled.std(correction=0)
    torch.testing.assert_close(data.normaliser(data.validation.inputs), expected)


def test_targets_of_a_regression_are_standardised_by_the_training_split_alone() -> None:
    settings = DataSettings(data="diabetes", split_seed=5)
    source = load(settings)
    data, held_back = source.for_training(), source.for_test()
    targets = load_diabetes().target
    rows = assign(targets, settings, stratify=False)
    mean, deviation = targets[rows.train].mean(), targets[rows.train].std()
    assert data.signature.target_scale == pytest.approx(deviation)
    np.testing.assert_allclose(data.train.targets[:, 0] * deviation + mean, targets[rows.train], atol=1e-4)
    np.testing.assert_allclose(held_back.test.targets[:, 0] * deviation + mean, targets[rows.test], atol=1e-4)


@pytest.mark.parametrize("name", BUNDLED)
def test_inputs_can_be_left_as_they_are(name: str) -> None:
    data = load(DataSettings(data=name, normalise=False)).for_training()
    assert data.normaliser.mean is None and data.normaliser.deviation is None
    scale = 1 / 16 if name == "digits" else 1
    torch.testing.assert_close(data.normaliser(data.train.inputs), data.train.inputs * scale)


def test_a_constant_column_becomes_zero() -> None:
    class Constant(Diabetes):
        def table(self) -> Table:
            inputs, targets = super().table()
            inputs[:, 4] = 0.1  # whose deviation in floating point is not 0
            return inputs, targets

    data = Constant(DataSettings(data="diabetes")).for_training()
    inputs = data.normaliser(data.train.inputs)
    assert inputs.isfinite().all()
    torch.testing.assert_close(inputs[:, 4], torch.zeros(len(inputs)))


def test_fractions_decide_the_sizes() -> None:
    settings = DataSettings(data="wine", train_fraction=0.5, validation_fraction=0.4)
    source = load(settings)
    sizes = [len(source.for_training().train), len(source.for_training().validation)]
    assert [*sizes, len(source.for_test().test)] == pytest.approx([89, 71, 18], abs=2)


def test_training_does_not_ask_for_the_test_split(run: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    class Sealed(Digits):
        def for_test(self) -> TestData:
            raise PermissionError("the test split was touched")

    monkeypatch.setitem(SOURCES, "digits", Sealed)
    trained = run({"model": "mlp"}, epochs=2)
    with pytest.raises(PermissionError, match="the test split was touched"):
        trained.test()


@pytest.mark.parametrize("name", ["digits", "diabetes"])
def test_no_value_of_the_test_split_reaches_training(
    name: str, run: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = {"data": name, "model": "mlp", "depth": 1, "width": 16}
    clean = run(config, epochs=2, folder="clean")
    assert np.isfinite(clean.test()["loss"])

    class Poisoned(SOURCES[name]):  # type: ignore[misc]  # the class that the name stands for
        def table(self) -> Table:
            inputs, targets = super().table()
            regression = name == "diabetes"
            rows = assign(targets, self.settings, stratify=not regression).test
            inputs[rows] = np.nan
            if regression:
                targets[rows] = np.nan
            return inputs, targets

    assert issubclass(Poisoned, Bundled)
    monkeypatch.setitem(SOURCES, name, Poisoned)
    poisoned = run(config, epochs=2, folder="poisoned")

    varying = ("samples_per_second", "peak_memory_mb")
    for epoch, metrics in clean.reports.items():
        for key in metrics.keys() - set(varying):
            assert poisoned.reports[epoch][key] == metrics[key], key
    assert np.isnan(poisoned.test()["loss"])
