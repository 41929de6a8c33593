"""How values and near misses are written in messages, the same everywhere."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable

LONGEST = 60
LISTED = 50
OPTIONS = 100  # among which a near miss is looked for: each costs some microseconds


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
    """``a, b, c``: the possible values, or the first `LISTED` of them, for the rule part of a message."""
    given = list(values)
    shown = [value if isinstance(value, str) else show(value) for value in given[:LISTED]]
    more = [f"… ({len(given):,} in all)"] if len(given) > LISTED else []
    return ", ".join([*shown, *more])


def nearest(word: object, options: Iterable[object]) -> str | None:
    """The text among ``options`` that ``word`` was probably meant to be."""
    texts = [option for option in options if isinstance(option, str)]
    if len(texts) > OPTIONS:
        texts = [text for text in texts if text[:1] == str(word)[:1]][:OPTIONS]
    near = difflib.get_close_matches(str(word), texts, n=1, cutoff=0.6)
    return near[0] if near else None


def did_you_mean(word: object, options: Iterable[object]) -> str:
    """``; did you mean "lr"?`` for the option nearest to ``word``, or an empty string."""
    near = nearest(word, options)
    return f'; did you mean "{near}"?' if near is not None else ""
