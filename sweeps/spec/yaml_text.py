"""The text of a file: its size, its encoding, its characters, and where in it something stands."""

from __future__ import annotations

import re

from sweeps.spec.positions import Location
from sweeps.spec.problems import Problems

MOST_BYTES = 1 << 20

CONTROL = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


class Unreadable(Exception):
    """The rest of the text cannot be read; the problem is recorded."""


def decode(content: bytes, start: Location, problems: Problems) -> str:
    """``content`` as text that holds no control characters.

    Raises:
        Unreadable: it is too large, not UTF-8, or holds one; the problem is added to ``problems``.
    """
    if len(content) > MOST_BYTES:
        message = f"is too large ({len(content)} bytes): a file has at most 1 MiB"
        problems.add_at(start, (), message, broken=True)
        raise Unreadable
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        place = _place(content[: error.start].decode("utf-8", errors="replace"), start)
        message = f"is not UTF-8 (byte 0x{content[error.start]:02x}): save the file as UTF-8"
        problems.add_at(place, (), message, broken=True)
        raise Unreadable from error
    control = CONTROL.search(text)
    if control is not None:
        message = f"holds a control character (U+{ord(control[0]):04X}): remove it"
        problems.add_at(_place(text[: control.start()], start), (), message, broken=True)
        raise Unreadable
    return text


def _place(before: str, start: Location) -> Location:
    """The location just after the text ``before``."""
    lines = re.split("\r\n|\r|\n", before)
    return Location(start.override, len(lines), len(lines[-1]) + 1, start.source)
