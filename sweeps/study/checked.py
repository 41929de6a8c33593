"""A stored study is data of anyone: what is taken from it is checked here, once.

Optuna replays what it is given and trips over anything else with whatever Python raises; `replayed` turns
that into an error of ours.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol, get_args

from optuna.exceptions import OptunaError
from optuna.trial import FrozenTrial

from sweeps.errors import CorruptStudyError
from sweeps.messages import State
from sweeps.study.record import Further
from sweeps.study.states import STATES

LATEST = 1e11  # seconds since 1970: the year 5138
LARGEST = 2**63
_FLOATS_END = 2**1023


class Place(Protocol):
    """A journal that is being read."""

    @property
    def place(self) -> str: ...


_STATES = get_args(State)
_SOURCE = re.compile(r"([0-9a-f]{64})?")
_FOREIGN = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)


@contextmanager
def replayed(journal: Place | None = None) -> Iterator[None]:
    """Round Optuna's reading of a study; ``journal`` says where it is.

    Raises:
        CorruptStudyError: it tripped.
    """
    try:
        yield
    except (*_FOREIGN, OptunaError) as error:
        reason = " ".join(str(error).split())[:200]
        where, what = (f"{journal.place}: ", "this line") if journal else ("", "the study")
        raise CorruptStudyError(
            f"{where}{what} must be what `sweep` wrote, and does not read back "
            f"({type(error).__name__}: {reason}): restore study.journal from a backup"
        ) from error


def attributes_of(trial: FrozenTrial, number: int) -> Mapping[str, Any]:
    """What `sweep` stored with trial ``number``, the one after those before it.

    Raises:
        CorruptStudyError: it was not written by this package.
    """
    attributes = trial.user_attrs.get("sweeps")
    if trial.number != number or not isinstance(attributes, dict) or "params" not in trial.user_attrs:
        raise CorruptStudyError(
            f"trial {trial.number}: the study must be written by `sweep` alone, and this trial was not: "
            "restore study.journal from a backup"
        )
    for key, (rule, holds) in _RULES.items():
        if key not in attributes or not holds(attributes[key]):
            raise _wrong(number, key, rule, attributes.get(key))
    if type(trial.user_attrs.get("outside", False)) is not bool:
        raise _wrong(number, "outside", "true or false", trial.user_attrs["outside"])
    if not _ends_alike(trial, attributes["state"]):
        raise _wrong(number, "state", f"{STATES[trial.state]} to the end", attributes["state"])
    if not _params(trial.user_attrs["params"]):
        raise _wrong(number, "params", "names and scalars", trial.user_attrs["params"])
    for epoch, value in trial.intermediate_values.items():
        if not (_whole(1)(epoch) and is_finite(value)):
            raise _wrong(number, "values", "finite numbers by epoch", {epoch: value})
    return attributes


def _ends_alike(trial: FrozenTrial, state: State) -> bool:
    """A crash leaves Optuna's state behind ours, never before it; what is outside is a FAIL to it."""
    return not trial.state.is_finished() or STATES[trial.state] == state or "outside" in trial.user_attrs


def _wrong(number: int, key: str, rule: str, value: Any) -> CorruptStudyError:
    shown = repr(value)
    shown = shown if len(shown) <= 60 else f"{shown[:59]}…"
    return CorruptStudyError(
        f"trial {number}: {key} must be {rule} in the study, and is {shown}: restore it from a backup"
    )


def _whole(least: int) -> Callable[[Any], bool]:
    return lambda value: type(value) is int and least <= value < LARGEST


def is_finite(value: object) -> bool:
    """Whether it is a number that a float holds."""
    if type(value) is int:
        return abs(value) < _FLOATS_END
    return type(value) is float and math.isfinite(value)


def _between(least: float, most: float) -> Callable[[Any], bool]:
    return lambda value: is_finite(value) and least <= value <= most


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _text_or_none(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _counts(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_whole(0), value.values()))


def _params(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_scalar, value.values()))


def _scalar(value: Any) -> bool:
    if isinstance(value, int):
        return -LARGEST <= value < LARGEST
    return math.isfinite(value) if isinstance(value, float) else _text_or_none(value)


def checked_further(trial: FrozenTrial, prefix: str, number: int) -> Mapping[int, Further]:
    """What was kept of the trial's epochs besides their objectives: the attributes with this ``prefix``.

    Raises:
        CorruptStudyError: they are something else.
    """
    found: dict[int, Further] = {}
    for key, stored in trial.user_attrs.items():
        if not key.startswith(prefix):
            continue
        if not (_is_epoch(key.removeprefix(prefix)) and _is_further(stored)):
            raise _wrong(number, key, "metrics by name, and excesses, of an epoch", stored)
        found[int(key.removeprefix(prefix))] = Further(dict(stored["metrics"]), tuple(stored["excess"]))
    return found


def _is_epoch(text: str) -> bool:
    return text.isdecimal() and text.isascii() and len(text) < 19


def _is_further(stored: Any) -> bool:
    if not isinstance(stored, dict) or stored.keys() != {"metrics", "excess"}:
        return False
    metrics, excess = stored["metrics"], stored["excess"]
    numbers = isinstance(metrics, dict) and all(map(is_finite, metrics.values()))
    return numbers and isinstance(excess, list) and all(is_finite(value) and value >= 0 for value in excess)


_RULES: Mapping[str, tuple[str, Callable[[Any], bool]]] = {
    "state": ("a state", lambda value: value in _STATES),
    "attempt": ("a whole number from 1 on", _whole(1)),
    "worker": ("text", _text),
    "started": ("a time in seconds", _between(0.0, LATEST)),
    "seconds": ("a time in seconds", _between(0.0, LATEST)),
    "stop_reason": ("text or null", _text_or_none),
    "error": ("text or null", _text_or_none),
    "failures": ("whole numbers by kind", _counts),
    "epochs": ("a whole number", _whole(0)),
}


def checked_source(attributes: Mapping[str, Any]) -> str:
    """The sha256 among the attributes of a trial, or of a study of version 1; "" if there is none.

    Raises:
        CorruptStudyError: it is something else.
    """
    source = attributes.get("source", "")
    if not isinstance(source, str) or not _SOURCE.fullmatch(source):
        raise CorruptStudyError(
            f"a source in the study must be a sha256, and is {str(source)[:60]!r}: "
            "restore study.journal from a backup"
        )
    return source


def checked_progress(attributes: Any) -> Mapping[str, Any]:
    """The study's own attributes: version, elapsed, gpu_seconds, ended.

    Raises:
        CorruptStudyError: they are something else.
    """
    whole = isinstance(attributes, dict) and (
        _whole(1)(attributes.get("version", 1))
        and _between(0.0, LATEST)(attributes.get("elapsed", 0.0))
        and _between(0.0, LATEST)(attributes.get("gpu_seconds", 0.0))
        and _text_or_none(attributes.get("ended"))
    )
    if not whole:
        raise CorruptStudyError(
            "the study's attributes must be what `sweep` wrote (version, elapsed, ended, ...), and are not: "
            "restore study.journal from a backup"
        )
    checked: Mapping[str, Any] = attributes
    return checked
