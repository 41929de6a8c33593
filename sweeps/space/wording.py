"""How values and near misses are written in messages, the same everywhere."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable

LONGEST = 60


def show(value: object) -> str:
    """``value`` as it would stand in YAML, on one line of at most 60 characters."""
    text = flow(value)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def flow(value: object) -> str:
    """``value`` as YAML on one line, whole."""
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, float):
        return repr(value)
    if value is None or isinstance(value, (str, int)):
        return json.dumps(value, ensure_ascii=False)
    return type(value).__name__


def listed(values: Iterable[object]) -> str:
    """``a, b, c``: the possible values, for the rule part of a message."""
    return ", ".join(value if isinstance(value, str) else show(value) for value in values)


def nearest(word: object, options: Iterable[object]) -> str | None:
    """The text among ``options`` that ``word`` was probably meant to be."""
    texts = [option for option in options if isinstance(option, str)]
    near = difflib.get_close_matches(str(word), texts, n=1, cutoff=0.6)
    return near[0] if near else None


def did_you_mean(word: object, options: Iterable[object]) -> str:
    """``; did you mean "lr"?`` for the option nearest to ``word``, or an empty string."""
    near = nearest(word, options)
    return f'; did you mean "{near}"?' if near is not None else ""
