"""Samplers and pruners by name: how a name and its options become an object, or a list of problems.

A component is a name of a registry or ``package.module:factory``. Its options are the factory's keyword
arguments, so what a component accepts is written once: in its signature.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweeps.errors import UsageError
from sweeps.space.wording import did_you_mean, listed
from sweeps.trial import load_function

# What the sweep itself supplies where a factory asks for it; never an option of the YAML.
SUPPLIED: Mapping[str, Any] = {"seed": 0, "goal": "minimize", "epochs": 100, "parallel": False, "space": None}

_SCALARS: Mapping[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "str": (str,),
}


def check_least(least: int, **options: int | None) -> None:
    """Raises UsageError for the first of ``options`` that is given and less than ``least``."""
    for name, value in options.items():
        if value is not None and value < least:
            raise UsageError(f"{name} must be at least {least}, not {value}")


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a component: ``key`` is "name" or the option's name."""

    key: str
    message: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A registry's line: what makes the component, and which of its arguments no YAML can give."""

    factory: Callable[..., Any]
    hidden: frozenset[str] = frozenset()

    def options(self) -> dict[str, inspect.Parameter]:
        """The options a YAML may give, by name."""
        given = inspect.signature(self.factory).parameters
        return {key: p for key, p in given.items() if key not in self.hidden and key not in SUPPLIED}

    def build(self, options: Mapping[str, Any], supplied: Mapping[str, Any]) -> Any:
        """The component; ``supplied`` gives those of `SUPPLIED` that its factory asks for."""
        asked = inspect.signature(self.factory).parameters
        extra = {key: value for key, value in supplied.items() if key in asked and key not in options}
        return self.factory(**options, **extra)


def is_user_factory(name: str) -> bool:
    """Whether ``name`` is ``package.module:factory`` rather than a name of ours."""
    return ":" in name


def user_entry(kind: str, name: str, options: Mapping[str, Any], search_path: Sequence[Path]) -> Entry:
    """The user's ``package.module:factory``, looked up as the training function is, its options checked.

    Raises:
        TargetError: it cannot be imported.
        UsageError: an option that it does not take, or lacks.
    """
    entry = Entry(load_function(name, search_path))
    try:
        problems = _unknown(kind, name, entry, options, {}) or _missing(kind, name, entry, options)
    except ValueError as error:  # a builtin without a signature
        raise UsageError(
            f"{kind} {name}: a factory must be a function or class of Python: {error}"
        ) from error
    if problems:
        raise UsageError("\n".join(problem.message for problem in problems))
    return entry


def call_factory(kind: str, name: str, make: Callable[[], Any]) -> Any:
    """Build a component, whatever the user's factory raises translated.

    Raises:
        UsageError: the factory raised.
    """
    try:
        return make()
    except (TypeError, ValueError, AssertionError, ArithmeticError, LookupError) as error:
        raise UsageError(f"{kind} {name} could not be built from its options: {error}") from error


def find_problems(
    kind: str,
    name: str,
    options: Mapping[str, Any],
    registry: Mapping[str, Entry],
    besides: Sequence[str] = (),
) -> list[Problem]:
    """All that is wrong with ``{name: name, **options}``; a user's factory is checked when it is called.

    ``besides``: options of every one, which the caller has checked and taken out.
    """
    if is_user_factory(name):
        return []
    if name not in registry:
        known = sorted(registry)
        hint = f"use one of {', '.join(known)}, or package.module:factory{did_you_mean(name, known)}"
        return [Problem("name", f"no {kind} is named {name!r}: {hint}")]
    entry = registry[name]
    return (
        _unknown(kind, name, entry, options, registry, besides)
        or _missing(kind, name, entry, options)
        or _mistyped(kind, name, entry, options)
        or _refused(kind, name, entry, options)
    )


def _unknown(
    kind: str,
    name: str,
    entry: Entry,
    options: Mapping[str, Any],
    registry: Mapping[str, Entry],
    besides: Sequence[str] = (),
) -> list[Problem]:
    valid = [*entry.options(), *besides]
    rule = f"its options are {', '.join(valid) or 'none'}"
    return [
        Problem(
            key,
            f"{kind} {name} has no option {key!r}: {rule}"
            f"{did_you_mean(key, valid) or _elsewhere(key, kind, registry)}",
        )
        for key in options
        if key not in valid
    ]


def _elsewhere(key: str, kind: str, registry: Mapping[str, Entry]) -> str:
    """Which of the ``registry`` have an option ``key``: a name may be missing, or the wrong one."""
    having = [name for name, entry in registry.items() if key in entry.options()]
    return f" ({key!r} is an option of {listed([f'{kind} {name}' for name in having])})" if having else ""


def _missing(kind: str, name: str, entry: Entry, options: Mapping[str, Any]) -> list[Problem]:
    needed = [key for key, p in entry.options().items() if p.default is inspect.Parameter.empty]
    return [
        Problem("name", f"{kind} {name} needs the option {key!r}: write {{name: {name}, {key}: ...}}")
        for key in needed
        if key not in options
    ]


def _mistyped(kind: str, name: str, entry: Entry, options: Mapping[str, Any]) -> list[Problem]:
    """Optuna's constructors take anything and fail hours later: compare with the annotation now."""
    problems = []
    for key, value in options.items():
        words = {word.strip() for word in str(entry.options()[key].annotation).split("|")}
        types = tuple(t for word in words for t in _SCALARS.get(word, ()))
        fits = isinstance(value, types) and (bool in types or not isinstance(value, bool))
        if types and not fits and not (value is None and "None" in words):
            kinds = " or ".join(sorted(words)).replace("None", "null")
            problems.append(Problem(key, f"{kind} {name}: {key} must be {kinds}, not {_written(value)!r}"))
    return problems


def _refused(kind: str, name: str, entry: Entry, options: Mapping[str, Any]) -> list[Problem]:
    """Build it once and throw it away: constructors check their own ranges."""
    try:
        entry.build(options, SUPPLIED)
    except (TypeError, ValueError, UsageError) as error:
        key = next((key for key in options if key in str(error)), "name")
        shown = ", ".join(f"{key}: {_written(value)}" for key, value in options.items())
        return [Problem(key, f"{kind} {name} refuses {{{shown}}}: {error}")]
    return []


def _written(value: Any) -> Any:
    """An option as the YAML has it."""
    return list(value) if isinstance(value, tuple) else value
