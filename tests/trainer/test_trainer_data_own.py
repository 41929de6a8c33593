from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from trainer.data import load
from trainer.data.source import Normaliser, Signature, Split, TestData, TrainingData
from trainer.settings import DataSettings

HERE = Path(__file__).parent


@dataclass
class Noise:
    """What a user would write."""

    rows: int = 8

    @property
    def signature(self) -> Signature:
        raise AssertionError("read before it was asked for")

    def for_training(self) -> TrainingData:
        part = Split(torch.zeros(self.rows, 3), torch.zeros(self.rows, dtype=torch.int64))
        return TrainingData(Signature((3,), 2), part, part, Normaliser(), "0" * 16)

    def for_test(self) -> TestData:
        raise AssertionError


def nothing() -> dict[str, int]:
    return {}


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(HERE)


def named(target: str, **options: int) -> DataSettings:
    return DataSettings(data=target, data_options=options)


def test_a_function_of_the_users_makes_the_source() -> None:
    assert len(load(named("test_trainer_data_own:Noise")).for_training().train) == 8
    assert len(load(named("test_trainer_data_own:Noise", rows=5)).for_training().train) == 5


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (
            "no_such_module:source",
            "data: no_such_module:source names a function of a module on the Python path, found no module "
            "no_such_module: check its spelling and where it lies",
        ),
        (
            "test_trainer_data_own.inner:source",
            "data: test_trainer_data_own.inner:source names a function of a module on the Python path, found "
            "no module test_trainer_data_own.inner: check its spelling and where it lies",
        ),
        (
            "test_trainer_data_own:missing",
            "data: test_trainer_data_own:missing must name a function of the module test_trainer_data_own, "
            "found none called missing",
        ),
        (
            "test_trainer_data_own:nothing",
            "data: test_trainer_data_own:nothing must return an object with signature, for_training, "
            "for_test (trainer.data.source.Source), found a dict without signature, for_training, for_test",
        ),
    ],
)
def test_what_is_no_source_gets_one_line(target: str, expected: str) -> None:
    with pytest.raises(ValueError) as caught:
        load(named(target))
    assert str(caught.value) == expected


def test_an_import_that_fails_inside_the_module_is_the_users_own_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "importing_nothing.py").write_text("import no_such_library\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="no_such_library"):
        load(named("importing_nothing:source"))
