"""A folder with a toy sweep in it, and the `sweep` command run in it as a person would."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.commands import sweep

TOY = """
def train(trial):
    print("hello from trial", trial.number)
    for epoch in trial.epochs():
        if trial.config["x"] > trial.config.get("fatal", 2.0):
            raise ValueError("x is too large")
        trial.report(val_loss=trial.config["x"] + 1.0 / epoch, other=float(epoch))


def test(trial):
    return {"accuracy": 1.0 - trial.config["x"]}
"""
SPEC = """\
version: 1
name: toy
train: toy:train
test: toy:test
epochs: 3
fixed: {fatal: 2.0}
parameters:
  x: {min: 0.0, max: 1.0}
budget: {trials: 5}
pruner: none
engine: inline
"""


@dataclass
class Folder:
    """Where commands run."""

    path: Path

    def write(self, name: str, text: str) -> None:
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def sweep(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
        return sweep(arguments, self.path, environment)


@pytest.fixture
def toy(tmp_path) -> Folder:
    folder = Folder(tmp_path)
    folder.write("toy.py", TOY)
    folder.write("toy.yaml", SPEC)
    return folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Folder:
    """A finished sweep that tests only read."""
    folder = Folder(tmp_path_factory.mktemp("finished"))
    folder.write("toy.py", TOY)
    folder.write("toy.yaml", SPEC)
    done = folder.sweep("run", "toy.yaml")
    assert done.returncode == 0, done.stderr
    return folder
