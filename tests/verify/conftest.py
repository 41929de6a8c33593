"""A real finished sweep, and copies of its folder for tests to break."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from sweeps.paths import RunPaths
from sweeps.verify import Finding, verify
from tests.faults.harness import Project


class Folder:
    """A results folder to break."""

    def __init__(self, root: Path) -> None:
        self.paths = RunPaths(root)

    def found(self) -> list[tuple[str, int | None]]:
        """(invariant, trial) of every finding."""
        return [(finding.invariant, finding.trial) for finding in self.findings()]

    def findings(self) -> list[Finding]:
        return verify(self.paths.root)

    def edit(self, path: Path, change: Callable[[list[dict[str, Any]]], Any]) -> None:
        """Read a file of JSON lines, let ``change`` change the list, write it back."""
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        change(lines)
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def edit_json(self, path: Path, **values: Any) -> None:
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    def edit_yaml(self, **keys: Any) -> None:
        spec = yaml.safe_load(self.paths.resolved_yaml.read_text())
        self.paths.resolved_yaml.write_text(yaml.safe_dump(spec | keys, sort_keys=False))


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """The folder of a sweep of four trials, of which trial 3 is the best; nobody writes there."""
    toy = Project(tmp_path_factory.mktemp("finished"), engine="inline")
    ended = toy.run()
    assert ended.code == 0, ended.err
    return toy.paths.root


@pytest.fixture
def folder(finished, tmp_path) -> Folder:
    return Folder(Path(shutil.copytree(finished, tmp_path / "toy")))
