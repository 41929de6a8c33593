"""Plain scalars as the core schema of YAML 1.2 reads them, and durations."""

from __future__ import annotations

import math
import re

from sweeps.space import Value

NULL = re.compile(r"null|Null|NULL|~|")
TRUE = re.compile(r"true|True|TRUE")
FALSE = re.compile(r"false|False|FALSE")
INT = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
SPECIAL = re.compile(r"([-+]?)\.(inf|Inf|INF)|\.(nan|NaN|NAN)")

LARGEST_INT = 2**63 - 1
EXACT = 2**53  # beyond it a float, which is what studies store, no longer tells integers apart

_SIZES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b", re.IGNORECASE)
_UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1}
_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?")


def read_plain(text: str) -> Value:
    """The value of an unquoted scalar: ``1e-4`` is a float, ``010`` is 10, ``no`` and ``1_000`` are text.

    Raises:
        ValueError: an integer outside 64 bits.
    """
    if NULL.fullmatch(text):
        return None
    if TRUE.fullmatch(text) or FALSE.fullmatch(text):
        return text[0] in "tT"
    if INT.fullmatch(text):
        return _integer(text)
    if FLOAT.fullmatch(text):
        return float(text)
    if SPECIAL.fullmatch(text):
        return float(text.replace(".", "", 1))
    return text


def meant_by(text: str) -> Value:
    """`read_plain`, and None for an integer that is too large: what a quoted value may stand for."""
    try:
        return read_plain(text)
    except ValueError:
        return None


def _integer(text: str) -> int:
    if len(text) > 100:
        raise ValueError(text)
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    number = int(text, base)
    if abs(number) > LARGEST_INT:
        raise ValueError(text)
    return number


def parse_duration(text: str) -> float | None:
    """Seconds in ``1d``, ``8h``, ``1h30m``, ``45s``; None where it is not written so."""
    match = _DURATION.fullmatch(text)
    if not text or match is None:
        return None
    parts = zip(match.groups(), _UNITS.values(), strict=True)
    return float(sum(float(number) * seconds for number, seconds in parts if number))


def parse_size(text: str) -> int | None:
    """Bytes in ``4GB`` (4 * 10**9), ``512MiB`` (512 * 2**20); None where it is not so, or beyond 2**63."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        return None
    number, prefix, binary = match.groups()
    unit = 1024 ** list(_SIZES).index(prefix.lower()) if binary else _SIZES[prefix.lower()]
    size = float(number) * unit
    return math.ceil(size) if size <= LARGEST_INT else None


def format_duration(seconds: float) -> str | float:
    """``1h30m`` for whole seconds, else the number itself; `parse_duration` reads it back."""
    if seconds != int(seconds) or seconds > EXACT:
        return seconds
    text, rest = "", int(seconds)
    for unit, size in _UNITS.items():
        text += f"{rest // size}{unit}" if rest >= size else ""
        rest %= size
    return text or "0s"
