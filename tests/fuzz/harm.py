"""What can be done to a file that was sound: to its bytes, its lines, its tree."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.fuzz.specs import SCALARS, sweeps_of
from tests.fuzz.yaml_text import as_block

_SINGLE = [bytes([byte]) for byte in b"\x00\t\n\r #&*!|>'\"%@`{}[]:,-?.~<=0e\x7f\x85\xff"]
BYTES = st.sampled_from(_SINGLE) | st.binary(max_size=3)
VALUES = st.recursive(
    SCALARS
    | st.sampled_from([float("nan"), float("inf"), 1e400, -1, 0, 10**30, "9" * 400, "9" * 400 + "GB"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4) | st.just("a"), inner, max_size=3)
    ),
    max_leaves=5,
)
_LINES = ["*a", "&a 1", "!!str 1", "!!python/object:os.system x", "<<: {a: 1}", "? a", "- 1", "|\n  x", ">"]
_SCALARS = ["---", "...", "%YAML 1.1", "{", "]", "1e400", "0x" + "f" * 99, "9" * 30, "9" * 30 + "TiB", "@"]
RAW = st.sampled_from([*_LINES, *_SCALARS])


@st.composite
def bytes_changed(draw, content: bytes) -> bytes:
    at = draw(st.integers(0, len(content)))
    length = draw(st.sampled_from([0, 0, 1, 2, 30]))
    return content[:at] + draw(BYTES) + content[at + length :]


@st.composite
def lines_changed(draw, content: bytes) -> bytes:
    lines = content.splitlines(keepends=True) or [b"\n"]
    at = draw(st.integers(0, len(lines) - 1))
    other = draw(st.integers(0, len(lines) - 1))
    how = draw(st.sampled_from(["drop", "double", "move", "indent", "cut", "raw"]))
    if how == "drop":
        del lines[at]
    elif how == "double":
        lines.insert(other, lines[at])
    elif how == "move":
        lines[at], lines[other] = lines[other], lines[at]
    elif how == "indent":
        lines[at] = b" " * draw(st.integers(1, 4)) + lines[at]
    elif how == "cut":
        lines[at] = lines[at][: draw(st.integers(0, len(lines[at])))]
    else:
        head = lines[at].partition(b":")[0]
        lines[at] = head + b": " + draw(RAW).encode() + b"\n"
    return b"".join(lines)


def places(document: Any) -> list[tuple[Any, Any]]:
    """(owner, key) of everything in nested mappings and lists."""
    if not isinstance(document, dict | list):
        return []
    keys = list(document) if isinstance(document, dict) else range(len(document))
    return [(document, key) for key in keys] + [place for key in keys for place in places(document[key])]


@st.composite
def tree_changed(draw, document: dict[str, Any]) -> None:
    """Change ``document`` itself: a key renamed, a value replaced, swapped, put into others or taken out."""
    owner, key = draw(st.sampled_from(places(document) or [(document, "version")]))
    how = draw(st.sampled_from(["rename", "replace", "replace", "swap", "nest", "drop"]))
    if how == "rename" and isinstance(owner, dict):
        owner[draw(st.text(max_size=4) | st.sampled_from([f"{key}s", str(key)[1:], str(key).upper()]))] = (
            owner.pop(key, 1)
        )
    elif how == "swap":
        other, its = draw(st.sampled_from(places(document) or [(document, "version")]))
        if owner.__class__ is dict and other.__class__ is dict:
            value = owner.get(key)
            owner[key] = draw(st.just(other.get(its))) if not contains(other.get(its), owner) else 1
            other[its] = value if not contains(value, other) else 2
    elif how == "nest":
        owner[key] = draw(
            st.sampled_from([[owner[key]], {"a": owner[key]}, {"values": owner[key]}, [[owner[key]]]])
        )
    elif how == "drop" and isinstance(owner, dict):
        owner.pop(key, None)
    else:
        owner[key] = draw(VALUES)


def contains(value: Any, wanted: Any) -> bool:
    return value is wanted or any(contains(owner[key], wanted) for owner, key in places(value)[:200])


@st.composite
def harmed(draw) -> bytes:
    """A sound file, after up to three changes of one kind each."""
    document = draw(sweeps_of())
    for _ in range(draw(st.sampled_from([0, 1, 1, 2, 3]))):
        draw(tree_changed(document))
    content = as_block(document).encode(errors="surrogatepass")
    for _ in range(draw(st.sampled_from([0, 0, 1, 2]))):
        content = draw(st.one_of(bytes_changed(content), lines_changed(content)))
    return content
