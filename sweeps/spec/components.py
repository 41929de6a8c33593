"""Samplers and pruners as written: ``tpe`` or ``{name: tpe, n_startup_trials: 5}``."""

from __future__ import annotations

import math
from typing import Any

from sweeps.space.wording import show
from sweeps.spec.model import Component
from sweeps.spec.positions import KeyPath
from sweeps.spec.problems import Reporter
from sweeps.spec.yaml_loader import BROKEN

KINDS = ("sampler", "pruner")


def read_component(kind: str, written: Any, reporter: Reporter) -> Component | None:
    """The component written at the key ``kind``, its name and options checked; None where they are wrong."""
    if written is None and kind == "pruner":
        written = "none"
    if isinstance(written, str):
        return _checked(kind, Component(name=written), (kind,), reporter)
    if not isinstance(written, dict):
        example = f"{kind}: auto, or {kind}: {{name: …, option: …}}"
        reporter.value((kind,), f"must be a name or a mapping ({show(written)}): write {example}")
        return None
    if not isinstance(written.get("name"), str):
        shown = f"({show(written['name'])})" if "name" in written else "(missing)"
        reporter.value((kind, "name"), f"must be the {kind}'s name {shown}: write {{name: multifidelity, …}}")
        return None
    options = {key: _option(value) for key, value in written.items() if key != "name"}
    wrong = [key for key, value in options.items() if not _is_option(value)]
    for key in wrong:
        rule = "a number, text, true, false or null, or a list of such"
        reporter.value((kind, key), f"must be a finite value ({show(options[key])}): {rule}")
    if wrong:
        return None
    return _checked(kind, Component(name=written["name"], options=options), (kind, "name"), reporter)


def _option(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _is_option(value: Any) -> bool:
    return all(map(_is_scalar, value)) if isinstance(value, tuple) else _is_scalar(value)


def _is_scalar(value: Any) -> bool:
    if value is BROKEN or isinstance(value, (dict, list, tuple)):
        return False
    return not isinstance(value, float) or math.isfinite(value)


def _checked(kind: str, component: Component, name: KeyPath, reporter: Reporter) -> Component | None:
    # Imported here: samplers and pruners need Optuna, which `import sweeps.spec` must not.
    from sweeps import pruners, samplers

    check = samplers.problems if kind == "sampler" else pruners.problems
    problems = check(component.name, component.options)
    for problem in problems:
        if problem.key == "name":
            reporter.value(name, problem.message)
        else:
            reporter.key((kind, problem.key), problem.message)
    return None if problems else component
