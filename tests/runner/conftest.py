"""A folder with a toy sweep in it, run in this process by the inline engine."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

import sweeps
from tests.cli.commands import sweep

TOY = """
import os
import signal


def train(trial):
    for epoch in trial.epochs():
        at = f"{trial.number}.{epoch}"
        if at == os.environ.get("FAIL"):
            raise ValueError("a bug")
        if at == os.environ.get("STOP"):
            os.kill(os.getpid(), signal.SIGINT)
        if at == os.environ.get("KILL"):
            os.kill(os.getpid(), signal.SIGKILL)
        trial.report(val_loss=float(trial.config.get("x", 0.0)) + 1.0 / epoch)


def test(trial):
    return {"accuracy": 0.5}
"""
SPEC = """
version: 1
name: toy
train: toy:train
epochs: 3
parameters:
  x: {min: 0.0, max: 1.0}
  kind: {values: [a, b]}
budget: {trials: 4}
enqueue: [{x: 0.1, kind: a}, {x: 0.9, kind: a}, {x: 0.2, kind: b}, {x: 0.8, kind: b}]
pruner: none
engine: inline
"""


@dataclass
class Toy:
    """Where the sweep lies; ``folder`` are its results."""

    path: Path

    @property
    def folder(self) -> Path:
        return self.path / "results" / "toy"

    def spec(self, file: str = "toy.yaml", **changes) -> Path:
        """Write ``file``, the toy's YAML with ``changes`` of its top level; None removes a key."""
        document = yaml.safe_load(SPEC) | changes
        kept = {key: value for key, value in document.items() if value is not None}
        (self.path / file).write_text(json.dumps(kept, indent=1))  # JSON is YAML
        return self.path / file

    def run(self, **changes) -> sweeps.Results:
        return sweeps.run(self.spec(**changes))

    def edit(self, set=None, allow_code_change=False, **changes) -> sweeps.Results:
        file = self.spec("edited.yaml", **changes)
        return sweeps.resume(self.folder, set, edit=file, allow_code_change=allow_code_change)

    def command(self, *arguments: str, **environment: str) -> int:
        """`sweep ...` in a process of its own; its exit code."""
        return sweep(arguments, self.path, environment).returncode

    def change_code(self, text: str = "# changed\n") -> None:
        (self.path / "toy.py").write_text((self.path / "toy.py").read_text() + text)

    def files(self) -> dict[str, bytes]:
        """Everything in the results folder but its lock."""
        files = (path for path in self.folder.rglob("*") if path.is_file() and path.name != "lock")
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in files}


@pytest.fixture
def toy(tmp_path, monkeypatch) -> Toy:
    (tmp_path / "toy.py").write_text(TOY)
    monkeypatch.chdir(tmp_path)
    return Toy(tmp_path)
