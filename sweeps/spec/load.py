"""The one way in: a YAML file and its overrides to a `SweepSpec`, or to all their problems at once."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from sweeps.errors import SpecError
from sweeps.space import Params, Space
from sweeps.space.build import build_space
from sweeps.space.counting import none_allowed
from sweeps.space.wording import did_you_mean, listed, nearest, show
from sweeps.spec.components import KINDS, read_component
from sweeps.spec.distributed import settle_ranks
from sweeps.spec.enqueue import read_enqueue
from sweeps.spec.metric import check_limits, check_objectives, read_metrics
from sweeps.spec.model import Component, Settings
from sweeps.spec.overrides import apply_overrides
from sweeps.spec.parameters import Group, ParametersReader, read_constraints, read_fixed
from sweeps.spec.population import check_population, population
from sweeps.spec.positions import Location
from sweeps.spec.problems import Problems, Reporter
from sweeps.spec.spec import SweepSpec
from sweeps.spec.wordings import ELSEWHERE, report_findings, sections
from sweeps.spec.yaml_loader import load_yaml
from sweeps.spec.yaml_text import MOST_BYTES

SPACE_KEYS = ("fixed", "parameters", "constraints", "enqueue")
NOT_YET: dict[tuple[str, ...], frozenset[str]] = {
    (): frozenset({"finalists", "placement"}),
}

_ENDS = ("trials", "wall", "gpu_hours", "epochs")  # the parts of a budget that a sweep is sure to reach


def load_spec(path: Path, overrides: Sequence[str] = ()) -> SweepSpec:
    """The sweep described by the YAML at ``path``, with ``overrides`` such as "budget.trials=5" set in it.

    Raises:
        SpecError: the file cannot be read or has problems; ``problems`` lists all, each with its place.
    """
    source = _read(path)
    problems = Problems()
    data, positions = load_yaml(source, Location(0, 1, 1, str(path)), problems)
    reporter = Reporter(positions, problems)
    if isinstance(data, dict):
        apply_overrides(data, positions, overrides, problems)
        spec = _check(data, reporter, problems)
        if spec is not None:
            settings, space, enqueue = spec
            return SweepSpec.of(settings, space=space, enqueue=enqueue, source=source, path=path.absolute())
    else:
        reporter.value((), f"must be a mapping ({show(data)}): begin with version: 1")
    raise SpecError(problems.lines())


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        missing = isinstance(error, FileNotFoundError) and path.parent.is_dir()
        siblings = [str(sibling) for sibling in path.parent.glob("*.y*ml")] if missing else []
        near = did_you_mean(str(path), siblings) or ": give the path of a sweep's YAML"
        raise SpecError([f"{path}  cannot be read ({error.strerror}){near}"]) from error


def _check(
    data: dict[str, Any], reporter: Reporter, problems: Problems
) -> tuple[Settings, Space, tuple[Params, ...]] | None:
    """The parts of a spec; None where ``problems`` holds any."""
    plain = _known_keys(data, reporter)
    for kind in KINDS:
        component = read_component(kind, plain.pop(kind), reporter) if kind in plain else None
        if component is not None:
            plain[kind] = component
    metrics = _read_metric(plain, reporter)
    settings = _settings(plain, reporter)
    space, enqueue = _read_space(data, reporter)
    if space is not None:
        _check_together(plain, space, reporter)
    if space is not None and settings is not None and metrics:
        check_objectives(settings, space, reporter)
    if problems or settings is None or space is None:
        return None
    return settings, space, enqueue


def _read_metric(plain: dict[str, Any], reporter: Reporter) -> bool:
    """Read a list of metrics in its place; whether there is no problem with it."""
    if not isinstance(plain.get("metric"), list):
        return reporter.knows(("metric",))
    metric = read_metrics(plain.pop("metric"), reporter)
    if metric is not None:
        plain["metric"] = metric
    return metric is not None


def _known_keys(data: dict[str, Any], reporter: Reporter) -> dict[str, Any]:
    """The plain part of ``data`` without unknown keys, which are reported."""
    keys = sections()
    known_data = _without_unknown(data, (), (*keys.pop(()), *SPACE_KEYS), reporter)
    plain = {key: value for key, value in known_data.items() if key not in SPACE_KEYS}
    for path, known in keys.items():
        if isinstance(plain.get(path[0]), dict):
            plain[path[0]] = _without_unknown(plain[path[0]], path, known, reporter)
    return plain


def _without_unknown(
    section: dict[str, Any], path: tuple[str, ...], known: tuple[str, ...], reporter: Reporter
) -> dict[str, Any]:
    for key in [key for key in section if key not in known]:
        near = nearest(key, known)
        if key in NOT_YET.get(path, ()):
            reporter.key((*path, key), "is not available yet: remove it")
        elif not path and key in ELSEWHERE:
            reporter.key((key,), f"is not a known key; what other tools call {key} is {ELSEWHERE[key]} here")
        elif near is None:
            reporter.key((*path, key), f"is not a known key: one of {listed(sorted(known))}")
        elif near in section:
            reporter.key((*path, key), f'is not a known key; did you mean "{near}"?')
        else:
            reporter.misspelt(
                (*path, key), f'is not a known key; did you mean "{near}"?', meant=(*path, near)
            )
    return {key: value for key, value in section.items() if key in known}


def _settings(plain: dict[str, Any], reporter: Reporter) -> Settings | None:
    try:
        settings = Settings.model_validate(plain)
    except ValidationError as error:
        report_findings(error, reporter)
        return None
    if settings.simulated and settings.curves is None:
        rule = (
            "engine: simulated needs learning curves, such as curves: my_curves:factory (docs/simulation.md)"
        )
        reporter.value(("curves",), f"is missing: {rule}")
    check_limits(settings, reporter)
    return settle_ranks(settings, reporter)


def _read_space(data: dict[str, Any], reporter: Reporter) -> tuple[Space | None, tuple[Params, ...]]:
    before = reporter.calls
    fixed, unread = read_fixed(data.get("fixed"), reporter)
    parameters = ParametersReader(reporter, unread)
    if "parameters" in data:
        parameters.read(data["parameters"], ("parameters",), Group())
    else:
        reporter.value(
            ("parameters",), "is missing: write parameters: {lr: {min: 1e-5, max: 1e-1, log: true}}"
        )
    constraints = read_constraints(data.get("constraints"), reporter)
    if not isinstance(data.get("parameters"), dict) or not isinstance(data.get("fixed", {}), dict | None):
        return None, ()  # whole sections are unreadable: of names nothing can be said
    space, found = build_space(parameters.declared, constraints, fixed)
    for problem in found:
        reporter.value(problem.path, problem.message)
    if space is None or reporter.calls > before:
        return None, ()
    return space, read_enqueue(data.get("enqueue"), space, reporter)


def _is_grid(plain: dict[str, Any]) -> bool:
    sampler = plain.get("sampler")
    return isinstance(sampler, Component) and sampler.name == "grid"


def _check_together(plain: dict[str, Any], space: Space, reporter: Reporter) -> None:
    """What only the plain keys and the space together can tell."""
    pbt = population(plain)
    if pbt is not None:
        check_population(pbt, plain, space, reporter)
    if space.finite:
        if none_allowed(space):
            reporter.value(("constraints",), "leave no configuration of this space: loosen one of them")
        elif _is_grid(plain) and space.size() is None:
            count = f"{space.size_bound():,}"
            rule = "a grid lists all its configurations, at most 1,000,000"
            reporter.value(("sampler",), f"cannot be grid (up to {count} configurations): {rule}")
        return
    budget = plain.get("budget", {})
    known = all(reporter.knows(("budget", key)) for key in _ENDS)
    endless = isinstance(budget, dict) and all(budget.get(key) is None for key in _ENDS)
    if known and endless and pbt is None:  # a population has been asked for its number
        rule = f"a space that is not finite needs one of {listed(_ENDS)}, such as budget: {{trials: 100}}"
        reporter.value(("budget",), f"sets no end: {rule}")
    if _is_grid(plain):
        infinite = listed(p.name for p in space.parameters if p.domain.count() is None)
        rule = "a grid needs values, integers or a step"
        reporter.value(("sampler",), f"cannot be grid ({infinite} has no end of values): {rule}")
