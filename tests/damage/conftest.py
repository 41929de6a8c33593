"""A finished sweep, copied for each test that damages it, and the `sweep` command in this process."""

from __future__ import annotations

import shutil

import pytest

from sweeps.cli.app import app, guarded
from sweeps.paths import RunPaths
from sweeps.runner import run

TOY = """
import torch

def train(trial):
    trial.record(weights=3)
    model = torch.nn.Linear(2, 1)
    for epoch in trial.epochs(model=model):
        print("epoch", epoch)
        trial.report(val_loss=trial.config.x + 1 / epoch)

def test(trial):
    return {"accuracy": 1.0}
"""
SPEC = """
version: 1
name: toy
train: toy.py:train
test: toy.py:test
epochs: 2
parameters: {x: {min: 0.0, max: 1.0}}
budget: {trials: 3}
pruner: none
engine: inline
"""


@pytest.fixture(scope="package")
def finished(tmp_path_factory):
    """A finished sweep, to be copied."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "toy.py").write_text(TOY)
    (folder / "toy.yaml").write_text(SPEC)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert run("toy.yaml").exit_code == 0
    return folder


@pytest.fixture
def toy(finished, tmp_path, monkeypatch):
    """The results folder of a copy; the working directory is where its `sweep run` was."""
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return RunPaths(tmp_path / "results" / "toy")


@pytest.fixture
def sweep(capsys):
    """``sweep("show", "toy")``: the command's exit code, and what it said to the person."""

    def command(*arguments: str) -> tuple[int, str]:
        codes = []
        code = guarded(lambda: codes.append(app(list(arguments), standalone_mode=False)))
        said = capsys.readouterr().err
        assert "Traceback" not in said
        return code or codes[0] or 0, said

    return command
