"""Values that a JSON schema allows, for the part of its language in which a sweep's schema is written."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

PRINTABLE = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
_LARGEST = 10**6  # what is not bounded by the schema is bounded here


def values_of(schema: dict[str, Any], definitions: dict[str, Any]) -> st.SearchStrategy[Any]:
    """What ``schema`` accepts."""
    if "$ref" in schema:
        return values_of(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "anyOf" in schema:
        return st.one_of([values_of(option, definitions) for option in schema["anyOf"]])
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    return _BY_TYPE[schema["type"]](schema, definitions)


def _object(schema: dict[str, Any], definitions: dict[str, Any]) -> st.SearchStrategy[Any]:
    if "properties" not in schema:
        names = st.text(st.characters(min_codepoint=97, max_codepoint=122), min_size=1, max_size=5)
        return st.dictionaries(names, values_of(schema["additionalProperties"], definitions), max_size=2)
    keys = {key: values_of(value, definitions) for key, value in schema["properties"].items()}
    required = {key: keys.pop(key) for key in schema.get("required", ())}
    return st.fixed_dictionaries(required, optional=keys)


def _integer(schema: dict[str, Any], _: dict[str, Any]) -> st.SearchStrategy[int]:
    most = schema.get("maximum", schema.get("exclusiveMaximum", _LARGEST + 1) - 1)
    return st.integers(schema.get("minimum", -_LARGEST), most)


def _number(schema: dict[str, Any], _: dict[str, Any]) -> st.SearchStrategy[float]:
    least = schema.get("minimum", schema.get("exclusiveMinimum", -_LARGEST))
    most = schema.get("maximum", schema.get("exclusiveMaximum", _LARGEST))
    above, below = "exclusiveMinimum" in schema, "exclusiveMaximum" in schema
    floats = st.floats(least, most, exclude_min=above, exclude_max=below, allow_subnormal=False)
    return floats | st.integers(int(least) + above, int(most) - below)


def _string(schema: dict[str, Any], _: dict[str, Any]) -> st.SearchStrategy[str]:
    shortest = schema.get("minLength", 0)
    if "pattern" not in schema:
        return st.text(PRINTABLE, min_size=shortest, max_size=12)
    text = st.from_regex(schema["pattern"], fullmatch=True, alphabet=PRINTABLE)
    return text.filter(lambda text: len(text) >= shortest)


def _array(schema: dict[str, Any], definitions: dict[str, Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(values_of(schema["items"], definitions), max_size=3)


_BY_TYPE = {
    "object": _object,
    "integer": _integer,
    "number": _number,
    "string": _string,
    "array": _array,
    "boolean": lambda *_: st.booleans(),
    "null": lambda *_: st.none(),
}
