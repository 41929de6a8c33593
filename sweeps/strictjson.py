"""JSON as the standard has it, from files that anyone may have written."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn


def parse_json(text: str | bytes) -> Any:
    """The data of one JSON document in UTF-8.

    Raises:
        ValueError: it is not JSON, holds NaN, Infinity or half a character, or is nested too deep to be read.
    """
    try:
        text = text if isinstance(text, str) else text.decode()
        data = _DECODER.decode(text)
        if _SURROGATE.search(text):
            json.dumps(data, ensure_ascii=False).encode()  # a lone one has no UTF-8: UnicodeEncodeError
        return data
    except UnicodeDecodeError as error:
        raise ValueError(f"no UTF-8 from byte {error.start + 1} on") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"no JSON from line {error.lineno}, column {error.colno} on") from error
    except RecursionError as error:
        raise ValueError("nested too deep") from error


def parse_object(text: str | bytes) -> dict[str, Any]:
    """As `parse_json`, of a document that is one object; ValueError for any other."""
    data = parse_json(text)
    if not isinstance(data, dict):
        raise ValueError(f"one object is wanted, and this is a {type(data).__name__}")
    return data


def depth(data: Any) -> int:
    """How deep lists and dicts are nested: 0 for a scalar. Needs no recursion itself."""
    level, deepest = [data], 0
    while level := [item for item in level if isinstance(item, list | dict)]:
        deepest += 1
        level = [inner for item in level for inner in (item.values() if isinstance(item, dict) else item)]
    return deepest


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number in JSON")


_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")  # two of them make a character outside 16 bits
_DECODER = json.JSONDecoder(parse_constant=_refuse)
