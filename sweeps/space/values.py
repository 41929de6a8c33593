"""The scalar values of a configuration, and its flat and nested shapes."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

Value = str | int | float | bool | None
Params = dict[str, Value]


def identity(value: Value) -> Hashable:
    """A key under which 1, 1.0, true and "1" are four different values."""
    return type(value).__name__, value


def kind(value: Value) -> str:
    """One of "number", "text", "bool", "null"."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "bool"
    return "text" if isinstance(value, str) else "number"


def nest(flat: Mapping[str, Value]) -> dict[str, Any]:
    """``{"optimizer.lr": 0.1}`` as ``{"optimizer": {"lr": 0.1}}``; no name may be a prefix of another."""
    nested: dict[str, Any] = {}
    for name, value in flat.items():
        *groups, last = name.split(".")
        inner = nested
        for group in groups:
            inner = inner.setdefault(group, {})
        inner[last] = value
    return nested
