from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np
import pytest
import torch

from trainer.config import parse
from trainer.data import SOURCES, digits, load
from trainer.data.digits import Digits, read_table
from trainer.data.source import TestData
from trainer.data.split import stratified


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_the_split_is_disjoint_whole_and_stratified(seed: int) -> None:
    _, targets = read_table()
    rows = stratified(targets, seed)
    assert sorted(np.concatenate([rows.train, rows.validation, rows.test])) == list(range(1797))
    for label in range(10):
        whole = (targets == label).sum()
        for part, fraction in ((rows.train, 0.6), (rows.validation, 0.2), (rows.test, 0.2)):
            assert abs((targets[part] == label).sum() - fraction * whole) <= 1


def test_the_split_never_changes() -> None:
    rows = stratified(read_table()[1], seed=0)
    assert (len(rows.train), len(rows.validation), len(rows.test)) == (1078, 360, 359)
    digest = hashlib.sha256(np.concatenate([rows.train, rows.validation, rows.test]).astype("<i8").tobytes())
    assert digest.hexdigest()[:16] == "1e80b68f41882286"


def test_another_seed_gives_another_split() -> None:
    targets = read_table()[1]
    assert not np.array_equal(stratified(targets, 0).test, stratified(targets, 1).test)


def test_normalised_by_the_training_split_alone() -> None:
    images, targets = read_table()
    rows = stratified(targets, seed=3)
    source = load(parse({"split_seed": 3}))
    data, held_back = source.for_training(), source.for_test()

    assert data.train.inputs.mean().item() == pytest.approx(0, abs=1e-5)
    assert data.train.inputs.std(correction=0).item() == pytest.approx(1, abs=1e-5)
    mean, deviation = images[rows.train].mean(), images[rows.train].std()
    for split, chosen in ((data.validation, rows.validation), (held_back.test, rows.test)):
        np.testing.assert_allclose(split.inputs * deviation + mean, images[chosen], atol=1e-4)
        np.testing.assert_array_equal(split.targets, targets[chosen])


def test_the_signature_is_what_the_data_has() -> None:
    data = load(parse({})).for_training()
    assert data.train.inputs.shape[1:] == data.signature.input_shape
    assert data.train.inputs.dtype == torch.float32
    assert sorted(set(data.train.targets.tolist())) == list(range(data.signature.classes))


def test_training_does_not_ask_for_the_test_split(run: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    class Sealed(Digits):
        def for_test(self) -> TestData:
            raise PermissionError("the test split was touched")

    monkeypatch.setitem(SOURCES, "digits", Sealed)
    trained = run({"model": "mlp"}, epochs=2)
    with pytest.raises(PermissionError, match="the test split was touched"):
        trained.test()


def test_no_value_of_the_test_split_reaches_training(run: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    clean = run({"model": "mlp"}, epochs=2, folder="clean")
    assert np.isfinite(clean.test()["loss"])

    images, targets = read_table()
    images[stratified(targets, seed=0).test] = float("nan")
    monkeypatch.setattr(digits, "read_table", lambda: (images, targets))
    poisoned = run({"model": "mlp"}, epochs=2, folder="poisoned")

    assert poisoned.reports == clean.reports
    assert np.isnan(poisoned.test()["loss"])
