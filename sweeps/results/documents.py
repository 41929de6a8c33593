"""The JSON files of ``best/`` and the manifest: written whole, and refused where they do not read back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sweeps.errors import CorruptStudyError
from sweeps.paths import BestPaths, replace_file, shown

_RESTORE = "restore it from a backup"


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    replace_file(path, (json.dumps(data, indent=2, allow_nan=False) + "\n").encode())


def read_json(path: Path, fix: str = _RESTORE) -> dict[str, Any] | None:
    """The object in the file, None if there is no file.

    Raises:
        CorruptStudyError: it holds anything else; ``fix`` says what to do.
    """
    if not path.exists():
        return None
    try:
        data = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise _damaged(path, "one JSON object", fix)
    return data


def read_test(best: BestPaths) -> dict[str, Any] | None:
    """The choice that was tested last, and what its test gave.

    Raises:
        CorruptStudyError: the file is damaged.
    """
    fix = f"{_RESTORE}, or delete it and run `sweep test`: the test of the same choice is repeated"
    return _checked(best.test, ("trial", "history", "metrics"), fix)


def read_selection(best: BestPaths) -> dict[str, Any] | None:
    """The choice that was made last.

    Raises:
        CorruptStudyError: the file is damaged.
    """
    fix = f"{_RESTORE}, or delete it, if you are sure that no other trial's test was begun"
    return _checked(best.selection, ("trial", "history", "test"), fix)


def released(best: BestPaths) -> int | None:
    """The number of the trial whose bundle it is; None if there is no whole one, so that it is made anew."""
    try:
        record = read_json(best.metrics)
        for beside in (best.config, best.schedule):
            read_json(beside)
        return None if record is None else int(record["trial"])
    except (CorruptStudyError, KeyError, TypeError, ValueError):
        return None


def _checked(path: Path, keys: tuple[str, ...], fix: str) -> dict[str, Any] | None:
    data = read_json(path, fix)
    if data is not None and not (data.keys() >= set(keys) and isinstance(data["history"], list)):
        raise _damaged(path, ", ".join(keys), fix)
    return data


def _damaged(path: Path, what: str, fix: str) -> CorruptStudyError:
    return CorruptStudyError(f"{shown(path)} must hold {what}, as `sweep` wrote it, and does not: {fix}")
