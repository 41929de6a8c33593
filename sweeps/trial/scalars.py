"""Numbers as users hand them over: Python's, NumPy's, and tensors or arrays of exactly one element."""

from __future__ import annotations

import numbers
from typing import Any


def plain_number(value: Any) -> bool | int | float | None:
    """``value`` as a Python number of its own kind; None if it is not one number."""
    if type(value) in (bool, int, float):
        return value  # type: ignore[no-any-return]  # narrowed by its exact type
    try:
        number = value.item() if hasattr(value, "item") else value
        if isinstance(number, bool):
            return number
        if isinstance(number, numbers.Integral):
            return int(number)
        return float(number) if isinstance(number, numbers.Real) else None
    except (ValueError, TypeError, RuntimeError, OverflowError):  # several elements, or too large
        return None


def plain_text(text: str) -> str:
    """A plain ``str`` that every file can hold: no enum of the user's, no lone surrogates."""
    return str.__str__(text).encode("utf-8", errors="backslashreplace").decode("utf-8")


def shown(value: Any) -> str:
    """What was found, for a message: the shape of an array, else the beginning of the value."""
    shape = getattr(value, "shape", None)
    kind = type(value).__name__
    return f"{kind} of shape {tuple(shape)}" if shape else f"{kind} {value!r:.80}"
