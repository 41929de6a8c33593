"""What stays in one process where the suite runs in two, as `make test` has it."""

from __future__ import annotations

import pytest


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What starts Ray: each takes the machine for its own. What writes to the one PostgreSQL."""
    for item in items:
        if item.get_closest_marker("ray"):
            item.add_marker(pytest.mark.xdist_group("ray"))
        elif item.path.parent.name == "study":
            item.add_marker(pytest.mark.xdist_group("study"))
