"""Lines of events.jsonl, which anyone may have written: those that are events of a sweep."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Event = Mapping[str, Any]


def is_event(line: Mapping[str, Any]) -> bool:
    """Whether ``line`` names its kind, and what the checks ask of this kind is there and of its type."""
    kind = line.get("event")
    needed = _NEEDED.get(kind, ()) if isinstance(kind, str) else None
    if needed is None or any(key not in line for key in needed):
        return False
    return all(_RULES[key](line[key]) for key in _RULES.keys() & line.keys())


def _count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _text(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _budget(value: Any) -> bool:
    limits = value.values() if isinstance(value, dict) else [""]
    return all(limit is None or type(limit) in (int, float) for limit in limits)


_NEEDED: Mapping[str, tuple[str, ...]] = {
    "SweepStarted": ("budget_trials", "trials_started"),
    "TrialStarted": ("number", "attempt"),
    "TrialEnded": ("number", "attempt", "state", "stop_reason", "value"),
    "FinalsStarted": ("number", "test"),
    "FinalsEnded": ("number", "tested"),
}
_RULES: Mapping[str, Callable[[Any], bool]] = {
    "number": _count,
    "attempt": _count,
    "trials_started": _count,
    "budget_trials": lambda value: value is None or _count(value),
    "budget": _budget,
    "state": _text,
    "stop_reason": _text,
    "reason": _text,
    "repeated": lambda value: type(value) is bool,
    "value": lambda value: value is None or type(value) in (int, float),
}
