"""The rules a configuration keeps, said by a frozen dataclass's annotations, and their one check."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import math
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, get_args, get_type_hints


class Rule(Protocol):
    """What a value must be."""

    def admits(self, value: object) -> bool:
        """Whether ``value`` keeps the rule."""

    def __str__(self) -> str:
        """The rule in words, after "must be"."""


@dataclass(frozen=True)
class OneOf:
    """One of a few values, told apart by type too: 1, 1.0 and true differ."""

    values: tuple[Any, ...]

    def admits(self, value: object) -> bool:
        return any(type(value) is type(known) and value == known for known in self.values)

    def __str__(self) -> str:
        return f"one of {', '.join(map(shown, self.values))}"


@dataclass(frozen=True)
class Number:
    """A finite number between ``low`` and ``high``; ``above`` and ``below`` exclude the end itself."""

    low: float = -math.inf
    above: float = -math.inf
    high: float = math.inf
    below: float = math.inf

    def admits(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if not abs(value) <= sys.float_info.max:  # nan, inf, or a whole number that is no float
            return False
        return self.low <= value <= self.high and self.above < value < self.below

    def __str__(self) -> str:
        limits = {"from": self.low, "above": self.above, "to": self.high, "below": self.below}
        return " ".join(
            ["a number", *(f"{word} {end:g}" for word, end in limits.items() if math.isfinite(end))]
        )


@dataclass(frozen=True)
class Whole:
    """A whole number of at least ``low`` and at most ``high``, if that is given."""

    low: int
    high: int | None = None

    def admits(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int):
            return False
        return self.low <= value and (self.high is None or value <= self.high)

    def __str__(self) -> str:
        if self.high is None:
            return f"a whole number of at least {self.low}"
        return f"a whole number from {self.low} to {self.high}"


@dataclass(frozen=True)
class Text:
    """A string; ``what`` says of what, e.g. "a path"."""

    what: str

    def admits(self, value: object) -> bool:
        return isinstance(value, str)

    def __str__(self) -> str:
        return self.what


@dataclass(frozen=True)
class OneOfOrTarget:
    """One of ``names``, or the user's own as ``package.module:attribute``."""

    names: tuple[str, ...]

    def admits(self, value: object) -> bool:
        return isinstance(value, str) and (value in self.names or is_target(value))

    def __str__(self) -> str:
        return f"one of {', '.join(self.names)}, or your own as module:function"


@dataclass(frozen=True)
class Wholes:
    """Whole numbers of at least 1 in one string, e.g. "256-128-64"; a single one may be a number."""

    def admits(self, value: object) -> bool:
        return (
            re.fullmatch(r"[1-9]\d*(-[1-9]\d*)*", "" if isinstance(value, bool) else str(value)) is not None
        )

    def __str__(self) -> str:
        return "whole numbers of at least 1 joined by dashes, e.g. 128-64"


@dataclass(frozen=True)
class Maybe:
    """``rule``, or null for a value that is not given."""

    rule: Rule

    def admits(self, value: object) -> bool:
        return value is None or self.rule.admits(value)

    def __str__(self) -> str:
        return f"{self.rule}, or null"


@dataclass(frozen=True)
class Options:
    """A mapping of names to values, handed on as keyword arguments."""

    def admits(self, value: object) -> bool:
        return isinstance(value, Mapping) and all(isinstance(key, str) for key in value)

    def __str__(self) -> str:
        return "a mapping of names to values"


def is_target(value: str) -> bool:
    """Whether ``value`` reads as package.module:attribute."""
    module, colon, attribute = value.partition(":")
    return bool(colon) and attribute.isidentifier() and all(p.isidentifier() for p in module.split("."))


def wholes(value: str | int) -> list[int]:
    """The numbers of a value that keeps the rule ``Wholes``."""
    return [int(part) for part in str(value).split("-")]


S = TypeVar("S")


def parse(config: Mapping[str, Any], kind: type[S]) -> S:
    """``config`` as ``kind``, a frozen dataclass whose annotations are the rules; the rest by default.

    A class among the bases of ``kind`` may have ``conflicts(self) -> list[str]``: what is wrong with values
    that are each right. Raises ValueError naming every unknown key, every value out of range and every
    conflict, with what is allowed.
    """
    known = rules(kind)  # type: ignore[arg-type]  # mypy takes type[S] for unhashable
    problems = [_unknown(key, config[key], known) for key in config if key not in known]
    problems += [
        _bad(key, rule, config[key])
        for key, rule in known.items()
        if key in config and not rule.admits(config[key])
    ]
    if problems:
        raise ValueError("; ".join(problems))
    settings = kind(**config)
    if problems := [text for base in kind.__mro__ for text in _conflicts(base, settings)]:
        raise ValueError("; ".join(problems))
    return settings


@functools.cache
def rules(kind: type) -> Mapping[str, Rule]:
    """The rule of every key of ``kind``, in the order of its fields."""
    hints = get_type_hints(kind, include_extras=True)
    return {field.name: _rule(hints[field.name]) for field in dataclasses.fields(kind)}


def _conflicts(base: type, settings: object) -> list[str]:
    own = base.__dict__.get("conflicts")
    return own(settings) if own else []


def _rule(hint: Any) -> Rule:
    if hint is bool:
        return OneOf((True, False))
    if metadata := getattr(hint, "__metadata__", None):
        rule: Rule = metadata[0]
        return rule
    return OneOf(get_args(hint))


def _unknown(key: str, value: object, known: Mapping[str, Rule]) -> str:
    initials = "".join(part[:1] for part in str(key).split("_"))  # learning_rate is lr
    near = [initials] if initials in known else difflib.get_close_matches(str(key), known, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return f"unknown key {key}: {shown(value)}; {hint}`python -m trainer --help` lists all keys"


def _bad(key: str, rule: Rule, value: object) -> str:
    return f"{key} must be {rule}, found {shown(value)}"


def shown(value: object) -> str:
    """As YAML writes it, but a string that is not a plain word in quotes."""
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) and value.isidentifier() else repr(value)
