"""Facts about a trial itself, as its training function notes them: ``facts.json`` in its folder."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sweeps.errors import TrialError
from sweeps.paths import replace_file
from sweeps.strictjson import parse_object
from sweeps.trial.scalars import plain_number, plain_text, shown

Fact = bool | int | float | str
CHARACTERS = 200
LARGEST = 2**63 - 1  # of whole numbers, in a table


def clean_facts(facts: Mapping[str, Any]) -> dict[str, Fact]:
    """``facts`` as plain Python values; raises TrialError naming the fact, the value and the rule."""
    return {_name(name): _value(name, value) for name, value in facts.items()}


def write_facts(path: Path, facts: Mapping[str, Fact]) -> None:
    """Put ``facts`` in place of what the file held, all at once."""
    # As durable as metrics.jsonl: waiting for the disk could cost a short trial more than its training.
    replace_file(path, json.dumps(facts, allow_nan=False).encode(), durable=False)


def read_facts(path: os.PathLike[str] | str) -> dict[str, Fact]:
    """What the trial noted; nothing where there is no file, or none that a power cut left whole.

    What could not have been noted is left out.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            facts = parse_object(file.read())
    except (FileNotFoundError, ValueError):
        return {}
    return {name: value for name, value in facts.items() if name and _is_fact(value)}


def _is_fact(value: object) -> bool:
    if isinstance(value, str):
        return len(value) <= CHARACTERS
    return isinstance(value, int | float) and _fits(value)


def _name(name: str) -> str:
    if not name:
        raise TrialError("a fact's name must be a non-empty string, found '': name it, e.g. 'parameters'")
    return plain_text(name)


def _value(name: str, value: Any) -> Fact:
    if isinstance(value, str) and len(value) <= CHARACTERS:
        return plain_text(value)
    number = plain_number(value)
    if number is None or not _fits(number):
        raise TrialError(
            f"fact {name!r} must be a finite number, a boolean or a string of at most {CHARACTERS} "
            f"characters, found {_found(value)}: reduce it, or write it to a file in trial.directory"
        )
    return number


def _fits(number: float) -> bool:
    return math.isfinite(number) if isinstance(number, float) else -LARGEST <= number <= LARGEST


def _found(value: Any) -> str:
    return f"{len(value)} characters" if isinstance(value, str) else shown(value)
