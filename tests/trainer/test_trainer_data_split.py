from __future__ import annotations

import hashlib

import numpy as np
import pytest

from trainer.data.split import Assignment, assign, hold_out, scattered, stratified
from trainer.settings import DataSettings

CLASSES = np.repeat(np.arange(10), [178, 182, 177, 183, 181, 182, 181, 179, 174, 180])


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
@pytest.mark.parametrize("fractions", [(0.6, 0.2), (0.1, 0.8), (0.5, 0.25)])
def test_the_split_is_disjoint_whole_and_stratified(seed: int, fractions: tuple[float, float]) -> None:
    settings = DataSettings(split_seed=seed, train_fraction=fractions[0], validation_fraction=fractions[1])
    rows = assign(CLASSES, settings, stratify=True)
    parts = (rows.train, rows.validation, rows.test)
    assert sorted(np.concatenate(parts)) == list(range(len(CLASSES)))
    for label in range(10):
        whole = np.bincount(CLASSES)[label]
        for part, fraction in zip(parts, (*fractions, 1 - sum(fractions)), strict=True):
            assert abs((CLASSES[part] == label).sum() - fraction * whole) <= 1


def test_another_seed_gives_another_split_and_another_digest() -> None:
    splits = [assign(CLASSES, DataSettings(split_seed=seed), stratify=True) for seed in (0, 1, 0)]
    assert not np.array_equal(splits[0].test, splits[1].test)
    assert splits[0].digest == splits[2].digest != splits[1].digest


def test_the_digest_is_the_hash_of_the_row_numbers() -> None:
    rows = assign(CLASSES, DataSettings(), stratify=True)
    sets = (rows.train, rows.validation, rows.test)
    numbers = np.concatenate([[len(part) for part in sets], *sets]).astype("<i8")
    assert rows.digest == hashlib.sha256(numbers.tobytes()).hexdigest()[:16]
    # The same rows in a row, cut elsewhere, are another split.
    assert Assignment(np.arange(20), np.arange(20, 30), np.arange(30, 40)).digest != (
        Assignment(np.arange(30), np.arange(30, 35), np.arange(35, 40)).digest
    )


@pytest.mark.parametrize("fractions", [(0.6, 0.2), (0.98, 0.01), (0.01, 0.01)])
def test_a_class_of_three_rows_is_in_every_split(fractions: tuple[float, float]) -> None:
    targets = np.repeat([0, 1], [50, 3])
    for part in stratified(targets, 0, fractions):
        assert {0, 1} == set(targets[part])


def test_rows_of_a_rare_class_train_before_they_validate() -> None:
    targets = np.repeat([0, 1, 2], [50, 2, 1])
    train, validation, test = (set(targets[part]) for part in stratified(targets, 0, (0.01, 0.01)))
    assert (train, validation, test) == ({0, 1, 2}, {0, 1}, {0})


def test_a_regression_is_split_at_random_by_the_fractions() -> None:
    first, again = (assign(np.linspace(0, 1, 101), DataSettings(), stratify=False) for _ in range(2))
    assert (len(first.train), len(first.validation), len(first.test)) == (61, 20, 20)
    assert first.digest == again.digest
    assert sorted(np.concatenate([first.train, first.validation, first.test])) == list(range(101))
    assert not np.array_equal(first.train, np.arange(61))
    assert [len(part) for part in scattered(3, 0, (0.9, 0.05))] == [1, 1, 1]


def test_rows_with_a_test_file_keep_the_proportion_of_training_and_validation() -> None:
    rows = hold_out(np.repeat([0, 1], [80, 40]), DataSettings())
    assert (len(rows.train), len(rows.validation), len(rows.test)) == (90, 30, 0)
    assert (rows.validation >= 80).sum() == 10


def test_an_empty_split_is_refused() -> None:
    with pytest.raises(ValueError) as caught:
        assign(np.arange(2), DataSettings(), stratify=False)
    assert str(caught.value) == (
        "every split needs rows, but train_fraction: 0.6 and validation_fraction: 0.2 of 2 rows leave test "
        "empty: give more rows, at least 3 of a class"
    )
