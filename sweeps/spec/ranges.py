"""One searched value as written: ``{min, max, log, step}`` or ``{values: […]}``."""

from __future__ import annotations

import math
from typing import Any

from sweeps.space import Choice, Domain, Float, Integer, identity
from sweeps.space.wording import show
from sweeps.spec.positions import KeyPath
from sweeps.spec.problems import Reporter
from sweeps.spec.scalars import EXACT, meant_by
from sweeps.spec.yaml_loader import BROKEN

RANGE_KEYS = ("min", "max", "log", "step")


def read_domain(written: dict[str, Any], path: KeyPath, reporter: Reporter) -> Domain | None:
    """The domain that the leaf mapping at ``path`` describes; None where it is wrong."""
    if "values" in written:
        ranged = [key for key in RANGE_KEYS if key in written]
        for key in ranged:
            reporter.key((*path, key), "stands beside values: keep either values or min and max")
        choice = read_choice(written["values"], (*path, "values"), reporter)
        return None if ranged else choice
    missing = [key for key in ("min", "max") if key not in written]
    if missing:
        needs = " and ".join(missing)
        reporter.value(path, f"needs {needs} ({show(written)}): write {{min: …, max: …}} or {{values: […]}}")
        return None
    return _read_range(written, path, reporter)


def read_choice(written: Any, path: KeyPath, reporter: Reporter) -> Choice | None:
    """The choice among the values listed at ``path``; None where they are wrong."""
    if not isinstance(written, list) or not written:
        example = "[a, b]" if isinstance(written, (list, dict)) else f"[{show(written)}]"
        reporter.value(path, f"must be a list of at least one value ({show(written)}): write {example}")
        return None
    sound = [is_scalar(value, (*path, index), reporter) for index, value in enumerate(written)]
    seen: dict[object, int] = {}
    for index, value in enumerate(written):
        if not sound[index]:
            continue
        if identity(value) in seen:
            first = seen[identity(value)]
            reporter.value(
                (*path, index), f"is listed twice ({show(value)}, first as number {first + 1}): remove one"
            )
            sound[index] = False
        seen.setdefault(identity(value), index)
    return Choice(tuple(written)) if all(sound) else None


def is_scalar(value: Any, path: KeyPath, reporter: Reporter) -> bool:
    """Whether ``value`` is one finite value; a problem is reported where it is not."""
    if isinstance(value, float) and not math.isfinite(value):
        reporter.value(path, f"must be finite ({show(value)}): NaN and infinities are no values")
        return False
    if value is BROKEN or isinstance(value, (list, dict)):
        reporter.value(path, f"must be a single value ({show(value)}): a number, text, true, false or null")
        return False
    return True


def _read_range(written: dict[str, Any], path: KeyPath, reporter: Reporter) -> Domain | None:
    numbers: dict[str, Any] = {key: written[key] for key in ("min", "max", "step") if key in written}
    sound = [_is_number(value, (*path, key), reporter) for key, value in numbers.items()]
    log = written.get("log", False)
    if not isinstance(log, bool):
        reporter.value((*path, "log"), f"must be true or false ({show(log)})")
        sound.append(False)
    if not all(sound) or not _sound_range(numbers, log, path, reporter):
        return None
    low, high, step = numbers["min"], numbers["max"], numbers.get("step")
    if isinstance(low, int) and isinstance(high, int):
        return Integer(low, high, log, step if step is not None else 1)
    return Float(float(low), float(high), log, float(step) if step is not None else None)


def _is_number(value: Any, path: KeyPath, reporter: Reporter) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        meant = meant_by(value.replace("_", "")) if isinstance(value, str) else None
        fix = f": write {show(meant)}" if isinstance(meant, (int, float)) else ""
        reporter.value(path, f"must be a number ({show(value)}){fix}")
        return False
    if not math.isfinite(value) or (isinstance(value, int) and abs(value) > EXACT):
        reporter.value(path, f"must be finite, integers within ±2^53 ({show(value)}): choose a smaller range")
        return False
    return True


def _sound_range(numbers: dict[str, Any], log: bool, path: KeyPath, reporter: Reporter) -> bool:
    low, high = numbers["min"], numbers["max"]
    if low >= high:
        fix = "swap them" if low > high else "move a single value to fixed"
        reporter.value((*path, "min"), f"must be below max ({show(low)} >= {show(high)}): {fix}")
        return False
    if not math.isfinite(high - low):
        reporter.value(
            (*path, "max"), f"is too far from min ({show(low)} to {show(high)}): choose a smaller range"
        )
        return False
    if log and low <= 0:
        reporter.value((*path, "min"), f"must be above 0 with log: true ({show(low)}): raise it, or drop log")
        return False
    return "step" not in numbers or _sound_step(numbers, log, path, reporter)


def _sound_step(numbers: dict[str, Any], log: bool, path: KeyPath, reporter: Reporter) -> bool:
    low, high, step = numbers["min"], numbers["max"], numbers["step"]
    here = (*path, "step")
    if log:
        reporter.value(here, f"cannot be combined with log: true ({show(step)}): drop one of the two")
    elif step <= 0:
        reporter.value(here, f"must be above 0 ({show(step)})")
    elif isinstance(low, int) and isinstance(high, int) and not isinstance(step, int):
        fix = f"write min: {low}.0 for a range of floats"
        reporter.value(here, f"must be a whole number as min and max are ({show(step)}): {fix}")
    elif step > high - low:
        reporter.value(
            here, f"must be at most max - min ({show(step)} > {show(high - low)}): make it smaller"
        )
    elif (high - low) / step > EXACT:
        reporter.value(here, f"is too fine for this range ({show(step)}): make it larger, or drop it")
    else:
        return True
    return False
