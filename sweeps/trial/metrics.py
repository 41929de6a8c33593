"""What may be reported, and the file every report is written to."""

from __future__ import annotations

import json
import math
import numbers
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sweeps.errors import ReportError
from sweeps.lines import LineFile
from sweeps.trial.scalars import shown
from sweeps.trial.wording import did_you_mean

_PREFIX = "metric."  # of the tables' columns


def scalar_metrics(
    metrics: Mapping[str, Any], objective: str, besides: Iterable[str] = ()
) -> dict[str, float]:
    """Cast every reported value to ``float``.

    Numbers, booleans, NumPy scalars and tensors or arrays of exactly one element are scalars. Raises
    ReportError naming the metric, the value and the rule otherwise, and if ``objective``, or what the sweep
    asks for ``besides``, is not among the metrics. A name is not empty and does not begin with "metric.".
    """
    clean = {_name(name): _scalar(name, value) for name, value in metrics.items()}
    if objective not in clean:
        raise ReportError(_missing(objective, clean))
    for name in besides:
        if name not in clean:
            raise ReportError(_missing_besides(name, clean))
    if "epoch" in clean:
        raise ReportError("'epoch' is the number of the epoch, not a metric: call report({...}, epoch=3)")
    return clean


def _name(name: object) -> str:
    if not isinstance(name, str) or not name:
        raise ReportError(
            f"a metric's name must be a non-empty string, found {name!r}: name it, e.g. 'accuracy'"
        )
    if name.startswith(_PREFIX):
        short = name.removeprefix(_PREFIX) or "accuracy"
        raise ReportError(
            f"a metric's name must not begin with {_PREFIX!r}, as columns of the tables do, found "
            f"{str.__str__(name)!r}: report it as {short!r}"
        )
    # A member of a user's string enum would drag its module along to the driver.
    return str.__str__(name)


def _scalar(name: str, value: Any) -> float:
    if type(value) is float:
        return value
    try:
        number = value.item() if hasattr(value, "item") else value
        if isinstance(number, numbers.Real):
            return float(number)
    except (ValueError, TypeError, RuntimeError, OverflowError) as error:
        raise ReportError(_not_scalar(name, value)) from error
    raise ReportError(_not_scalar(name, value))


def _not_scalar(name: str, value: Any) -> str:
    return (
        f"metric {name!r} must be one number, found {shown(value)}: reduce it first, e.g. with .mean().item()"
    )


def _missing(objective: str, given: Mapping[str, float]) -> str:
    names = ", ".join(map(repr, given)) or "nothing"
    meant = did_you_mean(objective, given) or ":"
    return (
        f"every report must hold the objective {objective!r} (metric.name in the YAML), found {names}{meant} "
        f"report it as {objective!r}, or set metric.name to what is reported"
    )


def _missing_besides(name: str, given: Mapping[str, float]) -> str:
    names = ", ".join(map(repr, given))
    meant = did_you_mean(name, given) or ":"
    return (
        f"every report must hold {name!r} (metric or metric_constraints in the YAML), found {names}{meant} "
        f"report it as {name!r}, the same number each time if it is measured once, or change the YAML"
    )


_encode = json.JSONEncoder(allow_nan=False).encode


class MetricsFile:
    """Appends one JSON line a report to ``path``; opened at the first one and kept open for the attempt."""

    def __init__(self, path: Path, number: int, attempt: int) -> None:
        self._path = path
        self._head = {"number": number, "attempt": attempt}
        self._file: LineFile | None = None

    def append(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Write one line, as `extend` does."""
        self.extend([(epoch, time.time(), metrics)])

    def extend(self, rows: Iterable[tuple[int, float, Mapping[str, float]]]) -> None:
        """Write a line for each (epoch, seconds since 1970, metrics), all by one ``write``.

        Half a line that a killed worker left is cut off: nothing was decided on it.
        """
        if self._file is None:
            self._file = LineFile(self._path)
        self._file.append("".join(self._line(*row) for row in rows).encode())

    def _line(self, epoch: int, when: float, metrics: Mapping[str, float]) -> str:
        strict = {name: strict_number(value) for name, value in metrics.items()}
        return _encode({**self._head, "epoch": epoch, "time": when, "metrics": strict}) + "\n"

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def strict_number(value: float) -> float | str:
    """JSON has no non-finite numbers: they are written as "NaN", "Infinity" and "-Infinity"."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
