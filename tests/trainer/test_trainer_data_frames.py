from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from trainer.data import load
from trainer.data.source import Source
from trainer.settings import DataSettings

SPLITS = ["train"] * 6 + ["validation"] * 2 + ["test"] * 2
COLOURS = ["red", "blue", "red", "red", "green", "blue", "red", "grey", "green", "pink"]
AGES = [1.0, 2.0, 2.0, 4.0, 9.0, 6.0, 7.0, 8.0, 50.0, 60.0]


def table(**changed: list[Any]) -> pd.DataFrame:
    columns: dict[str, list[Any]] = {
        "age": AGES,
        "colour": COLOURS,
        "y": ["no", "yes"] * 5,
        "part": SPLITS,
    }
    return pd.DataFrame(columns | changed)


def source(folder: Path, frame: pd.DataFrame, kind: str = "csv", **settings: Any) -> Source:
    path = folder / f"table.{kind}"
    if kind == "csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path)
    given = {"target": "y", "split_column": "part"} | settings
    return load(DataSettings(data=kind, data_path=str(path), **given))


def message(found: Source) -> str:
    with pytest.raises(ValueError) as caught:
        found.for_training()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_categories_of_the_training_split_become_columns(tmp_path: Path, kind: str) -> None:
    found = source(tmp_path, table(), kind)
    data, held_back = found.for_training(), found.for_test()
    assert (data.signature.input_shape, data.signature.outputs) == ((4,), 2)
    expected = [[1, 0, 0, 1], [2, 1, 0, 0], [2, 0, 0, 1], [4, 0, 0, 1], [9, 0, 1, 0], [6, 1, 0, 0]]
    assert data.train.inputs.tolist() == expected  # age, blue, green, red
    assert data.validation.inputs.tolist() == [[7, 0, 0, 1], [8, 0, 0, 0]]  # no training row is grey
    assert held_back.test.inputs.tolist() == [[50, 0, 1, 0], [60, 0, 0, 0]]
    assert data.train.targets.tolist() == [0, 1, 0, 1, 0, 1]
    assert held_back.test.targets.tolist() == [0, 1]
    np.testing.assert_allclose(data.normaliser.mean, [4, 1 / 3, 1 / 6, 1 / 2], rtol=1e-6)


def test_categories_can_be_numbered(tmp_path: Path) -> None:
    found = source(tmp_path, table(), categorical="ordinal", normalise=False)
    data, held_back = found.for_training(), found.for_test()
    assert data.train.inputs[:, 1].tolist() == [2, 0, 2, 2, 1, 0]
    assert data.validation.inputs[:, 1].tolist() == [2, -1]
    assert held_back.test.inputs[:, 1].tolist() == [1, -1]


def test_columns_can_be_dropped(tmp_path: Path) -> None:
    frame = table(name=list("abcdefghij"), other=[0] * 10)
    data = source(tmp_path, frame, drop_columns="name, colour,other").for_training()
    assert data.train.inputs[:, 0].tolist() == AGES[:6]
    assert data.signature.input_shape == (1,)


def test_rows_are_drawn_where_no_column_assigns_them(tmp_path: Path) -> None:
    frame = pd.concat([table()] * 4).drop(columns="part").assign(row=range(40))
    found = source(tmp_path, frame, split_column="", drop_columns="age,colour", split_seed=1)
    data, held_back = found.for_training(), found.for_test()
    parts = [split.inputs[:, 0].tolist() for split in (data.train, data.validation, held_back.test)]
    assert sorted(itertools.chain(*parts)) == list(range(40))
    assert [len(part) for part in parts] == [24, 8, 8]
    assert [part.targets.sum().item() for part in (data.train, data.validation, held_back.test)] == [12, 4, 4]


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_regression_is_standardised(tmp_path: Path, kind: str) -> None:
    found = source(tmp_path, table(y=[value + 0.5 for value in AGES]), kind)
    data, held_back = found.for_training(), found.for_test()
    mean, deviation = np.mean(AGES[:6]), np.std(AGES[:6])
    assert (data.signature.task, data.signature.outputs) == ("regression", 1)
    assert data.signature.target_scale == pytest.approx(deviation)
    expected = (np.array(AGES) - mean) / deviation
    np.testing.assert_allclose(data.train.targets[:, 0], expected[:6], rtol=1e-5)
    np.testing.assert_allclose(held_back.test.targets[:, 0], expected[8:], rtol=1e-5)


@pytest.mark.parametrize(
    ("missing", "age", "colour"),
    [
        ("mean", 5.2, [1, 0, 0]),
        ("median", 6.0, [1, 0, 0]),
        ("most_frequent", 2.0, [1, 0, 0]),
        ("zero", 0.0, [0, 0, 0]),
    ],
)
def test_empty_cells_are_filled_by_the_training_split(
    tmp_path: Path, missing: str, age: float, colour: list[int]
) -> None:
    ages = [2.0, 2.0, None, 7.0, 9.0, 6.0, None, 8.0, 50.0, None]
    # Blue and red are equally frequent: the first in order.
    colours = ["red", "blue", None, "red", "green", "blue", None, "grey", None, "red"]
    found = source(tmp_path, table(age=ages, colour=colours), missing=missing)
    data, held_back = found.for_training(), found.for_test()
    assert data.train.inputs[2].tolist() == pytest.approx([age, *colour])
    assert data.validation.inputs[0].tolist() == pytest.approx([age, *colour])
    assert held_back.test.inputs[0].tolist() == pytest.approx([50, *colour])
    assert held_back.test.inputs[1].tolist() == pytest.approx([age, 0, 0, 1])


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("target", [["no", "yes"] * 5, [0, 1] * 5, [value + 0.5 for value in AGES]])
def test_no_cell_of_the_test_rows_reaches_training(tmp_path: Path, kind: str, target: list[Any]) -> None:
    frame = table(y=target, count=range(10), flag=[True, False] * 5)
    clean = source(tmp_path, frame, kind).for_training()
    poisoned = frame.astype({"count": float, "flag": object})
    poisoned.loc[8:, ["age", "colour", "count", "flag"]] = None
    if isinstance(target[0], float):
        poisoned.loc[8:, "y"] = np.nan
    data = source(tmp_path, poisoned, kind).for_training()
    assert data.signature == clean.signature and data.digest == clean.digest
    for split in ("train", "validation"):
        first, second = getattr(clean, split), getattr(data, split)
        assert first.inputs.equal(second.inputs) and first.targets.equal(second.targets)
    assert clean.normaliser.mean.equal(data.normaliser.mean)
    assert clean.normaliser.deviation.equal(data.normaliser.deviation)


def test_a_word_among_the_test_numbers_is_met_by_the_test_alone(tmp_path: Path) -> None:
    clean = source(tmp_path, table()).for_training()
    found = source(tmp_path, table(age=[*AGES[:9], "old"]))
    assert found.for_training().train.inputs.equal(clean.train.inputs)
    with pytest.raises(ValueError) as caught:
        found.for_test()
    assert str(caught.value) == (
        "the column age holds numbers in the training split, found old in the test split: correct it, or use "
        "drop_columns: age"
    )


def test_a_class_of_the_test_rows_alone_is_named_before_the_training(tmp_path: Path) -> None:
    assert message(source(tmp_path, table(y=["no", "yes"] * 4 + ["maybe", "no"]))) == (
        "every class must occur in the training split, found class maybe in the test split only: train on "
        "some of its rows, or take its 1 rows out"
    )


FOUND = "table.csv has age, colour, y, part"


@pytest.mark.parametrize(
    ("changed", "settings", "expected"),
    [
        ({}, {"target": ""}, f"data: csv needs target, the column to predict, found none: {FOUND}"),
        (
            {},
            {"target": "labels"},
            "target must be a column of table.csv, found labels: it has age, colour, y, part",
        ),
        (
            {},
            {"drop_columns": "age,color"},
            "drop_columns must be a column of table.csv, found color: did you mean colour? it has age, "
            "colour, y, part",
        ),
        (
            {},
            {"split_column": "split"},
            "split_column must be a column of table.csv, found split: it has age, colour, y, part",
        ),
        (
            {"part": ["train"] * 6 + ["dev"] * 2 + ["test"] * 2},
            {},
            "split_column: part must hold train, validation or test, found dev (2 such rows)",
        ),
        (
            {"part": ["train"] * 6 + ["validation"] * 3 + [None]},
            {},
            "split_column: part must hold train, validation or test, found an empty cell (1 such rows)",
        ),
        (
            {"part": ["train"] * 6 + ["validation"] * 4},
            {},
            "split_column: part must give every split a row, found none of test",
        ),
        (
            {},
            {"drop_columns": "age, colour"},
            "data: csv needs a column to learn from, found none in table.csv besides target, split_column "
            "and drop_columns",
        ),
        (
            {"age": [None, *AGES[1:6], None, *AGES[7:]]},
            {},
            "missing: refuse allows no empty cell, found 2 in the column age (training and validation "
            "split): fill or drop them, or use missing: mean, median, most_frequent or zero",
        ),
        (
            {"colour": ["red", None, *COLOURS[2:]]},
            {},
            "missing: refuse allows no empty cell, found 1 in the column colour (training and validation "
            "split): fill or drop them, or use missing: mean, median, most_frequent or zero",
        ),
        (
            {"age": [None] * 6 + AGES[6:]},
            {"missing": "mean"},
            "missing: mean needs a training row with a value, found none in the column age: drop it, or use "
            "missing: zero",
        ),
        (
            {"age": [float("inf"), *AGES[1:]]},
            {},
            "inputs must be finite numbers (float32), found 1 infinite in the column age (training split): "
            "take their rows out",
        ),
        (
            {"y": [None, "yes"] * 5},
            {},
            "every row needs a target, found 3 empty cells in the column y: take the rows out",
        ),
        (
            {"y": ["no", "yes"] * 3 + ["maybe", "yes", "no", "no"]},
            {},
            "every class must occur in the training split, found class maybe in the validation split only: "
            "train on some of its rows, or take its 1 rows out",
        ),
        (
            {"y": [0, 1] * 3 + [7, 1, 0, 1]},
            {},
            "every class must occur in the training split, found class 7 in the validation split only: train "
            "on some of its rows, or take its 1 rows out",
        ),
    ],
)
def test_a_wrong_table_gets_one_line(
    tmp_path: Path, changed: dict[str, list[Any]], settings: dict[str, Any], expected: str
) -> None:
    assert message(source(tmp_path, table(**changed), **settings)) == expected


def test_dates_are_refused(tmp_path: Path) -> None:
    frame = table().assign(when=pd.Timestamp("2020-01-01"))
    assert message(source(tmp_path, frame, "parquet")) == (
        "columns must hold numbers, booleans or strings, found dates in the column when: use drop_columns: "
        "when, or write them as numbers"
    )


def test_a_column_of_names_is_no_category(tmp_path: Path) -> None:
    frame = pd.DataFrame({"y": [0, 1] * 1000, "name": [f"n{row}" for row in range(2000)]})
    assert message(source(tmp_path, frame, split_column="")) == (
        "categorical: one_hot takes at most 1000 categories a column, found 1200 in the column name: use "
        "drop_columns: name, or categorical: ordinal"
    )
    data = source(tmp_path, frame, split_column="", categorical="ordinal").for_training()
    assert data.signature.input_shape == (1,)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_another_kind_of_file_gets_one_line(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "table"
    found = load(DataSettings(data=kind, data_path=str(path), target="y"))
    assert message(found) == f"data_path must be a {kind} file, found nothing at {path}"
    path.write_bytes(b"\xff\xfe\x00a,b\n1,2,3\n")
    assert message(found).startswith(f"data_path must be a {kind} file that can be read, found {path}: ")
    path.unlink()
    path.mkdir()
    assert message(found) == f"data_path must be a {kind} file, found a folder at {path}"
