"""Numbers that JSON has none for: written as "NaN", "Infinity" and "-Infinity", and read back."""

from __future__ import annotations

from typing import Any

from sweeps.trial.metrics import strict_number

_NUMBERS = {text: float(text) for text in ("NaN", "Infinity", "-Infinity")}


def strict(data: Any) -> Any:
    """``data`` as strict JSON, as metrics.jsonl writes it too."""
    if isinstance(data, float):
        return strict_number(data)
    return _map(strict, data)


def with_numbers(data: Any) -> Any:
    """What `strict` was given. A string that reads like one of the three comes back as that number."""
    if isinstance(data, str):
        return _NUMBERS.get(data, data)
    return _map(with_numbers, data)


def _map(change: Any, data: Any) -> Any:
    if isinstance(data, dict):
        return {key: change(value) for key, value in data.items()}
    if isinstance(data, list):
        return [change(value) for value in data]
    return data
