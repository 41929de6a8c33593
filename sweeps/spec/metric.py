"""Several metrics: ``metric: [val_loss, {name: val_accuracy, goal: maximize}]``, and what they ask for."""

from __future__ import annotations

import re
from typing import Any

from pydantic import ValidationError

from sweeps.space import Space
from sweeps.space.expressions import ConstraintError
from sweeps.space.limits import parse_limit
from sweeps.space.wording import listed, show
from sweeps.spec.model import Component, Metric, Objective, Settings
from sweeps.spec.positions import KeyPath
from sweeps.spec.problems import Reporter
from sweeps.spec.wordings import report_findings

MOST_METRICS = 5
_KEYS = ("name", "goal")
_WORD = re.compile(r"[a-z0-9]+")
_RISING = frozenset(
    {"accuracy", "acc", "auc", "auroc", "f1", "precision", "recall", "r2", "score", "reward", "iou", "dice"}
    | {"map", "bleu", "rouge", "psnr", "ssim", "throughput", "top1", "top5"}
)


def read_metrics(written: list[Any], reporter: Reporter) -> Metric | None:
    """The metrics listed under ``metric``, the leading one first; None where they are wrong."""
    read = [_read(entry, ("metric", index), reporter) for index, entry in enumerate(written)]
    if len(written) < 2:
        fix = "for one write metric: {name: val_loss, goal: minimize}"
        reporter.value(("metric",), f"must list at least 2 metrics ({show(written)}): {fix}")
        return None
    if len(written) > MOST_METRICS:
        rule = f"must list at most {MOST_METRICS} metrics ({len(written)})"
        reporter.value(("metric",), f"{rule}: of more hardly any trial beats another; leave some out")
        return None
    found = [objective for objective in read if objective is not None]
    repeated = _repeated([None if each is None else each.name for each in read], reporter)
    if repeated or len(found) < len(written):
        return None
    return Metric(name=found[0].name, goal=found[0].goal, further=tuple(found[1:]))


def _repeated(names: list[str | None], reporter: Reporter) -> bool:
    """Whether a name is listed twice, which is reported."""
    twice = [index for index, name in enumerate(names) if name is not None and name in names[:index]]
    for index in twice:
        reporter.value(("metric", index), f"is listed twice ({show(names[index])}): remove one")
    return bool(twice)


def _read(entry: Any, path: KeyPath, reporter: Reporter) -> Objective | None:
    if isinstance(entry, str) and entry:
        return _bare(entry, path, reporter)
    if not isinstance(entry, dict):
        fix = "write val_loss, or {name: val_loss, goal: minimize}"
        reporter.value(path, f"must be a name, or a mapping of name and goal ({show(entry)}): {fix}")
        return None
    unknown = [key for key in entry if key not in _KEYS]
    for key in unknown:
        reporter.key((*path, key), f"is not a known key: one of {listed(_KEYS)}")
    try:
        objective = Objective.model_validate({key: entry[key] for key in _KEYS if key in entry})
    except ValidationError as error:
        report_findings(error, reporter, path, ("metric",))
        return None
    return None if unknown else objective


def _bare(name: str, path: KeyPath, reporter: Reporter) -> Objective | None:
    rising = sorted(_RISING.intersection(_WORD.findall(name.lower())))
    if not rising:
        return Objective(name=name, goal="minimize")
    fix = f"write {{name: {name}, goal: maximize}}, or goal: minimize if that is meant"
    reporter.value(path, f"needs its goal ({show(name)}): a bare name is minimized; {fix}")
    return None


def check_limits(settings: Settings, reporter: Reporter) -> None:
    """Report what is wrong with ``metric_constraints``."""
    for index, source in enumerate(settings.metric_constraints):
        try:
            parse_limit(source)
        except ConstraintError as error:
            reporter.value(("metric_constraints", index), str(error))


def check_objectives(settings: Settings, space: Space, reporter: Reporter) -> None:
    """Report samplers and pruners that cannot do with several metrics, or with constraints on them, and
    constraints that are on parameters.
    """
    from sweeps.samplers import ONE_METRIC  # it needs Optuna, which `import sweeps.spec` must not

    several = bool(settings.metric.further)
    what = "several metrics" if several else "metric_constraints"
    if (several or settings.metric_constraints) and settings.sampler.name in ONE_METRIC:
        rule = "it learns from one metric alone"
        fix = "choose auto, tpe, nsga2, gp, random, qmc or grid"
        reporter.value(("sampler",), f"cannot go with {what} ({settings.sampler.name}): {rule}; {fix}")
    if several and settings.pruner.name == "multifidelity":
        rule = "its model knows one metric alone"
        reporter.value(
            ("pruner",), f"cannot go with several metrics (multifidelity): {rule}; choose auto or asha"
        )
    _check_ranking(settings.pruner, reporter, several=several)
    for index, source in enumerate(settings.metric_constraints):
        _check_names(source, ("metric_constraints", index), space, reporter)


def _check_ranking(pruner: Component, reporter: Reporter, *, several: bool) -> None:
    if pruner.options.get("by") == "hypervolume" and not several:
        rule = "needs several metrics, and there is one"
        reporter.value(
            ("pruner", "by"), f"{rule} (hypervolume): leave it out, or write metric: [val_loss, …]"
        )


def _check_names(source: str, path: KeyPath, space: Space, reporter: Reporter) -> None:
    try:
        names = parse_limit(source).names
    except ConstraintError:
        return  # it has been reported
    for name in sorted(names.intersection([*space.names, *space.fixed])):
        rule = "these are on metrics, and the key constraints is for parameters"
        reporter.value(path, f'names a parameter ("{name}"): {rule}; write it there')
