"""Text from elsewhere on its way to a terminal: nothing in it may move the cursor, colour, or hide.

Names, messages and log lines come from users' functions and from results folders of other people.
"""

from __future__ import annotations

import json


def printable(text: str) -> str:
    r"""``text`` on one line; control, escape and invisible characters written out: ``\x1b``, ``\u202e``."""
    return text if text.isprintable() else "".join(map(_written, text))


def printable_lines(text: str) -> str:
    """As `printable`, but line ends and tabs stay."""
    return "\n".join("\t".join(map(printable, line.split("\t"))) for line in text.split("\n"))


def printable_json(document: str) -> str:
    """A JSON document with such characters escaped as JSON does it."""
    return document if document.isascii() else "".join(map(_escaped, document))


def _written(char: str) -> str:
    return char if char.isprintable() else char.encode("unicode_escape").decode()


def _escaped(char: str) -> str:
    return char if char.isprintable() or char == "\n" else json.dumps(char)[1:-1]
