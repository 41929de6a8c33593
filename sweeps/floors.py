"""The oldest versions of libraries that read safely what others wrote.

torch   CVE-2025-32434: torch.load(weights_only=True) could run code of a checkpoint, before 2.6
        CVE-2026-24747: it could corrupt memory, before 2.10
ray     CVE-2026-27482: before 2.54 a web page could delete jobs through the dashboard's port
"""

from __future__ import annotations

import functools
import importlib.metadata
import re

from sweeps.errors import UsageError

FLOORS = {"torch": (2, 10), "ray": (2, 54)}


@functools.cache
def require_floor(library: str) -> None:
    """Called where ``library`` is first needed; it is not imported for this.

    Raises:
        UsageError: it is not installed, or is older than its floor.
    """
    floor = ".".join(map(str, FLOORS[library]))
    fix = f'install a newer one: pip install -U "{library}>={floor}"'
    try:
        found = importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError as error:
        raise UsageError(f"{library} must be at least {floor}, and none is installed: {fix}") from error
    if _numbers(found) < FLOORS[library]:
        raise UsageError(
            f"{library} must be at least {floor}, as older ones have holes that are known (see SECURITY.md), "
            f"and {found} is installed: {fix}"
        )


def _numbers(version: str) -> tuple[int, ...]:
    """The first two: (2, 10) of "2.10.0a0+git7"."""
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])
