"""A mapping as YAML of several lines, written by other means than the package's own."""

from __future__ import annotations

from typing import Any

_OTHERS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


def as_block(document: dict[str, Any], indent: str = "") -> str:
    """Nested mappings as blocks, everything else on the line of its key."""
    text = ""
    for key, value in document.items():
        if isinstance(value, dict) and value:
            text += f"{indent}{as_flow(key)}:\n{as_block(value, indent + '  ')}"
        else:
            text += f"{indent}{as_flow(key)}: {as_flow(value)}\n"
    return text


def as_flow(value: Any) -> str:
    """``value`` on one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{as_flow(key)}: {as_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(as_flow, value)) + "]"
    if isinstance(value, str):
        return value if _is_plain(value) else '"' + "".join(map(_escaped, value)) + '"'
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return {"nan": ".nan", "inf": ".inf", "-inf": "-.inf"}.get(repr(value), repr(value))


def _is_plain(text: str) -> bool:
    """Words that no version of YAML takes for anything but themselves."""
    return text.isascii() and text.replace("_", "a").isalpha() and text.lower() not in _OTHERS


def _escaped(character: str) -> str:
    return character if character.isascii() and character.isalnum() else f"\\U{ord(character):08X}"
