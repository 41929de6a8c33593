"""Where a simulated trial's epochs come from: ``curves: package.module:factory`` in the YAML.

``factory()`` is called once and returns a function ``curve(config, seed, epochs) -> Curve``: what training
``config`` (nested as in the YAML) for ``epochs`` epochs with this ``seed`` would report, and how long each
epoch would take. It may compute, look up recorded runs, or ask a surrogate model.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweeps.errors import TargetError, UsageError
from sweeps.trial import load_function


@dataclass(frozen=True, slots=True)
class Curve:
    """The epochs of one training.

    Attributes:
        metrics: by name, one number for each epoch; the objective is among them.
        seconds: what each epoch takes, above 0.
    """

    metrics: Mapping[str, Sequence[float]]
    seconds: Sequence[float]


CurveOf = Callable[[Mapping[str, Any], int, int], Curve]


def load_curves(target: str, search_path: Sequence[Path]) -> CurveOf:
    """The curve function that the user's factory returns.

    Raises:
        TargetError: there is no such factory, or it raises.
        UsageError: it returns no function.
    """
    factory = load_function(target, search_path)
    try:
        curve_of = factory()
    except Exception as error:  # the boundary round the user's code
        raise TargetError(f"curves: {target}() raised {type(error).__name__}: {error}") from error
    if not callable(curve_of):
        raise UsageError(
            f"curves: {target}() must return a function curve(config, seed, epochs), found "
            f"{type(curve_of).__name__}"
        )
    return curve_of  # type: ignore[no-any-return]  # callable() was just checked


def checked(curve: Any, metric: str, epochs: int) -> Curve:
    """``curve`` if it is one.

    Raises:
        UsageError: it is no `Curve` of ``epochs`` epochs with the objective among its metrics.
    """
    if not isinstance(curve, Curve):
        raise UsageError(f"curves: a curve must be a sweeps.Curve(metrics, seconds), found {curve!r:.80}")
    lengths = {name: len(values) for name, values in curve.metrics.items()}
    short = [name for name, length in lengths.items() if length != epochs]
    if metric not in lengths or short or len(curve.seconds) != epochs:
        found = ", ".join(f"{name}: {length}" for name, length in lengths.items()) or "no metrics"
        raise UsageError(
            f"curves: a curve must give {metric} and whatever else for each of the {epochs} epochs, found "
            f"{found}, seconds: {len(curve.seconds)}"
        )
    if not all(math.isfinite(seconds) and seconds > 0 for seconds in curve.seconds):
        raise UsageError(f"curves: every epoch must take some time, found {list(curve.seconds)!r:.80}")
    return curve
