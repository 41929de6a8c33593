"""What a test function may return: numbers by name, and any JSON data besides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sweeps.errors import TrialError
from sweeps.trial.scalars import plain_number, plain_text, shown


def test_result(result: Any) -> dict[str, Any]:
    """``result`` as plain JSON data, whole numbers and booleans kept as such.

    Its values are numbers (tensors and arrays of one element too), strings, None, and lists and dicts of
    them; at least one value of the outermost dict is a number. Raises TrialError for anything else.
    """
    if not isinstance(result, Mapping) or not any(
        plain_number(value) is not None for value in result.values()
    ):
        raise TrialError(
            "the test function must return its metrics as a dict of numbers, such as {'accuracy': 0.98}, and "
            f"whatever JSON can hold besides; it returned {result!r:.80}"
        )
    return _dict(result, "")


def _dict(data: Mapping[Any, Any], where: str) -> dict[str, Any]:
    for key in data:
        if not isinstance(key, str) or not key:
            place = f" of {where!r}" if where else ""
            raise TrialError(
                f"the names in a test's result must be non-empty strings, found {key!r:.80}{place}: "
                "name it, e.g. 'accuracy'"
            )
    return {plain_text(key): _data(value, f"{where}.{key}" if where else key) for key, value in data.items()}


def _data(value: Any, where: str) -> Any:
    if value is None:
        return None
    if isinstance(value, str):
        return plain_text(value)
    if isinstance(value, Mapping):
        return _dict(value, where)
    if isinstance(value, list | tuple):
        return [_data(item, f"{where}[{index}]") for index, item in enumerate(value)]
    number = plain_number(value)
    if number is None:
        raise TrialError(
            f"{where!r} of the test's result must be a number, a string, None, or a list or dict of them, "
            f"found {shown(value)}: make it one, e.g. with .tolist()"
        )
    return number
