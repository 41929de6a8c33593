"""A victim: a small finished sweep with all that a results folder can hold; commands run on copies of it."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from sweeps.cli.app import app, guarded
from sweeps.paths import RunPaths

CODE = """
from pathlib import Path

import torch

Path(__file__).with_name("imported").touch()


def train(trial):
    print("hello from trial", trial.number)
    model = torch.nn.Linear(2, 1)
    trial.record(note="first try", weights=3)
    for epoch in trial.epochs(model=model):
        if trial.number == 3:
            raise ValueError("no data")
        trial.report(val_loss=trial.config["x"] + 1.0 / epoch, train_loss=1.0 / epoch)


def test(trial):
    return {"accuracy": 0.5, "matrix": [[1, 2], [3, 4]]}
"""
SPEC = """\
version: 1
name: victim
train: lesson:train
test: lesson:test
epochs: 2
parameters:
  x: {min: 0.0, max: 1.0}
  kind: {values: [plain, "=1+1"]}
  mixed: {values: [1, "1", -1.5]}
budget: {trials: 4}
pruner: none
engine: inline
"""
# What reads a folder and must neither import the user's code nor change anything in or outside of it.
READING = (
    ("show", "victim"),
    ("show", "victim", "--json"),
    ("trials", "victim"),
    ("trials", "victim", "--json"),
    ("trials", "victim", "--attempts"),
    ("logs", "victim", "0"),
    ("verify", "victim"),
    ("export", "victim", "../release"),
)
OURS = (0, 1, 2, 4, 5, 7)  # exit codes of a command that ended in good order; a traceback fails the test


@dataclass
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass
class Victim:
    """A copy of the sweep in ``project/results/victim``; what lies beside ``project`` must stay as it is."""

    home: Path

    @property
    def project(self) -> Path:
        return self.home / "project"

    @property
    def canary(self) -> Path:
        """Made by a payload that was executed."""
        return self.home / "executed"

    @property
    def precious(self) -> Path:
        """A folder of the user's that has nothing to do with the sweep."""
        return self.home / "precious"

    @property
    def paths(self) -> RunPaths:
        return RunPaths(self.project / "results" / "victim")

    def sweep(self, *arguments: str) -> Ended:
        """The command, in this process: what is not an error of ours is raised."""
        out, err = io.StringIO(), io.StringIO()
        code, path = 0, list(sys.path)
        with contextlib.chdir(self.project), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = guarded(lambda: app(list(arguments), standalone_mode=True))
            except SystemExit as end:
                code = int(end.code or 0)
            finally:
                sys.path[:] = path
                sys.modules.pop("lesson", None)
        return Ended(code, out.getvalue(), err.getvalue())

    def survives(self, commands: tuple[tuple[str, ...], ...] = READING) -> list[Ended]:
        """Every command ends in good order; nothing is executed, imported, or written where it should not be.

        What is printed holds no control characters.
        """
        before = self.contents()
        (self.project / "imported").unlink(missing_ok=True)
        ended = [self.sweep(*command) for command in commands]
        shutil.rmtree(self.home / "release", ignore_errors=True)
        assert not self.canary.exists(), "the payload was executed"
        assert not (self.project / "imported").exists(), "the user's code was imported"
        assert self.contents() == before
        for command, one in zip(commands, ended, strict=True):
            assert one.code in OURS, command
            assert all(char.isprintable() or char in "\n\t" for char in one.out + one.err), command
        return ended

    def contents(self) -> dict[str, str]:
        """Every file below home with its hash, links by where they lead."""
        found = {}
        for folder, folders, files in os.walk(self.home):
            for name in (*folders, *files):
                path = Path(folder, name)
                if path.name == "imported":
                    continue
                if path.is_symlink():
                    found[str(path)] = f"-> {path.readlink()}"
                elif path.is_file():
                    found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
                else:
                    found[str(path)] = "folder"
        return found


@pytest.fixture(scope="session")
def _finished(tmp_path_factory) -> Path:
    home = tmp_path_factory.mktemp("victim")
    victim = Victim(home)
    victim.project.mkdir()
    victim.precious.mkdir()
    (victim.precious / "thesis.txt").write_text("ten years of work\n")
    (victim.project / "lesson.py").write_text(CODE.lstrip())
    (victim.project / "victim.yaml").write_text(SPEC)
    done = victim.sweep("run", "victim.yaml", "--quiet")
    assert done.code == 3, done.err
    return home


@pytest.fixture
def victim(_finished, tmp_path) -> Victim:
    """A copy for one test."""
    shutil.copytree(_finished, tmp_path / "home", symlinks=True)
    return Victim(tmp_path / "home")
