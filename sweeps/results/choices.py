"""The JSON files of ``best/`` that say which trial was chosen, tested and released; checked when read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sweeps.errors import CorruptStudyError
from sweeps.paths import shown
from sweeps.strictjson import depth, parse_object

_OR = {  # what else may be done about a damaged file
    "test.json": ", or delete it and run `sweep test`: the test of the same choice is repeated",
    "selection.json": ", or delete it, if you are sure that no other trial's test was begun",
}
_DEEPEST = 200  # of what a test may have returned


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in the file, None if there is no file.

    Raises:
        CorruptStudyError: it holds something else.
    """
    try:
        data = parse_object(path.read_bytes())
        if depth(data) > _DEEPEST:
            raise ValueError("nested too deep")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _damaged(path, str(error)) from error
    return data


def read_choice(path: Path) -> dict[str, Any] | None:
    """As `read_json`, of selection.json, test.json and metrics.json: each names a trial, by its number."""
    data = read_json(path)
    if data is None:
        return None
    _check(path, data)
    for entry in data.get("history", []):
        _check(path, entry)
    return data


def _check(path: Path, entry: Any) -> None:
    if not isinstance(entry, dict) or "trial" not in entry:
        raise _damaged(path, "it names no trial")
    for key, holds in _RULES.items():
        if key in entry and not holds(entry[key]):
            raise _damaged(path, f"its {key} is {str(entry[key])[:40]!r}")


def _damaged(path: Path, reason: str) -> CorruptStudyError:
    return CorruptStudyError(
        f"{shown(path)} must be what `sweep` wrote there, and is not ({reason[:200]}): restore it from a "
        f"backup{_OR.get(path.name, '')}"
    )


def _is_number(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _is_text(value: Any) -> bool:
    return value is None or isinstance(value, str)


_RULES: Mapping[str, Callable[[Any], bool]] = {
    "trial": _is_number,
    "epoch": _is_number,
    "test": _is_text,
    "time": _is_text,
    "reason": _is_text,
    "note": _is_text,
    "metrics": lambda value: value is None or isinstance(value, dict),
    "export": lambda value: isinstance(value, list) and all(isinstance(name, str) for name in value),
    "history": lambda value: isinstance(value, list),
}
