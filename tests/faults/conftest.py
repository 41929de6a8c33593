"""A project of a test's own; whatever the test does, nothing of it is alive afterwards."""

from __future__ import annotations

import pytest

from tests.faults.harness import Project


@pytest.fixture
def project(tmp_path):
    """Make a project: ``project(**keys of the YAML)``."""
    made = []

    def make(module: str = "", **keys):
        made.append(Project(tmp_path / f"project{len(made)}", module, **keys))
        return made[-1]

    yield make
    for one in made:
        one.close()
