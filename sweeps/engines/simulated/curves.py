"""Where a simulated trial's epochs come from: ``curves: package.module:factory`` in the YAML.

``factory()`` is called once and returns a function ``curve(config, seed, epochs) -> Curve``: what training
``config`` (nested as in the YAML) for ``epochs`` epochs with this ``seed`` would report, and how long each
epoch would take. It may compute, look up recorded runs, or ask a surrogate model. What it raises ends the
trial, as what a training function raises does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweeps.errors import ReportError, TargetError, UsageError
from sweeps.trial import load_function
from sweeps.trial.metrics import scalar_metrics

LONGEST = 1e9  # seconds of one epoch


@dataclass(frozen=True, slots=True)
class Curve:
    """The epochs of one training: all it reports, and how long they take.

    Attributes:
        metrics: by name, one number for each epoch; the objective is among them. NaN and infinite ones mean
            what they do in a report.
        seconds: what each epoch takes, 0 < seconds < 1e9, on a worker that is no straggler.
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
        raise TargetError(
            f"curves: {target} is called without arguments and must return the function of the curves; it "
            f"raised {type(error).__qualname__}: {error}"
        ) from error
    if not callable(curve_of):
        raise UsageError(
            f"curves: {target}() must return a function curve(config, seed, epochs), found {curve_of!r:.80}"
        )
    return curve_of  # type: ignore[no-any-return]  # callable() was just checked


def checked(curve: object, metric: str, epochs: int, besides: Sequence[str] = ()) -> Curve:
    """``curve``, all its numbers floats.

    Raises:
        UsageError: it is no `Curve` of ``epochs`` epochs with ``metric``, and what the sweep asks for
            ``besides``, among its metrics.
    """
    if not isinstance(curve, Curve):
        raise UsageError(f"curves: a curve must be sweeps.Curve(metrics, seconds), found {curve!r:.80}")
    _check_lengths(curve, metric, epochs)
    try:
        scalar_metrics({name: next(iter(values)) for name, values in curve.metrics.items()}, metric, besides)
        metrics = {name: _floats(values) for name, values in curve.metrics.items()}
        seconds = _floats(curve.seconds)
    except (ReportError, TypeError, ValueError, OverflowError) as error:
        raise UsageError(f"curves: a curve must hold one number for each epoch: {error}") from error
    wrong = next((value for value in seconds if not 0 < value < LONGEST), None)
    if wrong is not None:
        raise UsageError(
            f"curves: an epoch must take more than 0 s and less than {LONGEST:g} s, found {wrong}"
        )
    return Curve(metrics, seconds)


def _floats(values: Sequence[float]) -> Sequence[float]:
    return [float(value) for value in values]


def _check_lengths(curve: Curve, metric: str, epochs: int) -> None:
    if not isinstance(curve.metrics, Mapping):
        raise UsageError(
            f"curves: a curve's metrics must be a mapping of names to numbers, one for each epoch, such as "
            f"{{{metric!r}: [...]}}, found {curve.metrics!r:.80}"
        )
    lengths = {name: _length(f"metrics[{name!r}]", values) for name, values in curve.metrics.items()}
    seconds = _length("seconds", curve.seconds)
    if metric in lengths and {*lengths.values(), seconds} == {epochs}:
        return
    found = ", ".join(f"{name}: {length}" for name, length in lengths.items()) or "no metrics"
    raise UsageError(
        f"curves: a curve must hold {metric} (metric.name in the YAML), any other metrics, and seconds, each "
        f"for all of the {epochs} epochs, found {found}, seconds: {seconds}"
    )


def _length(name: str, values: Sequence[float]) -> int:
    if isinstance(values, Mapping) or not isinstance(values, Sized):
        raise UsageError(
            f"curves: a curve's {name} must be a list of one number for each epoch, found {values!r:.80}"
        )
    return len(values)
