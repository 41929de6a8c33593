"""A spec written back as YAML, and what differs between two of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from sweeps.space import Choice, Parameter, Params, Space
from sweeps.space.wording import flow
from sweeps.spec.model import Component, Metric, Section, Settings
from sweeps.spec.scalars import format_duration, meant_by

_DURATIONS = {
    ("budget", "wall"),
    ("retries", "backoff"),
    ("timeout", "report"),
    ("timeout", "trial"),
    ("simulation", "startup"),
    ("simulation", "node_life"),
}
_ORDER = (
    "version",
    "name",
    "train",
    "test",
    "metric",
    "metric_constraints",
    "epochs",
    "fixed",
    "parameters",
    "constraints",
    "enqueue",
)


class _Dumper(yaml.SafeDumper):
    """Quotes every text that a YAML 1.1 or 1.2 reader would take for something else."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = None if isinstance(meant_by(text), str) else '"'
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def to_yaml(document: Mapping[str, Any]) -> str:
    """``document`` as YAML that `load_yaml` reads back to equal data."""
    return yaml.dump(
        document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100, default_flow_style=None
    )


def to_document(settings: Settings, space: Space, enqueue: tuple[Params, ...]) -> dict[str, Any]:
    """Everything in the shape of the file, defaults filled in, nested names dotted."""
    plain = {name: _written((name,), getattr(settings, name)) for name in Settings.model_fields}
    plain["fixed"] = dict(space.fixed)
    plain["parameters"] = {parameter.name: _parameter(parameter) for parameter in space.parameters}
    plain["constraints"] = [constraint.source for constraint in space.constraints]
    plain["enqueue"] = [dict(params) for params in enqueue]
    return {name: plain[name] for name in (*_ORDER, *(name for name in plain if name not in _ORDER))}


def _written(path: tuple[str, ...], value: Any) -> Any:
    if isinstance(value, Component):
        options = {name: _written((), option) for name, option in value.options.items()}
        return {"name": value.name, **options} if options else value.name
    if isinstance(value, Metric):
        written = [{"name": each.name, "goal": each.goal} for each in (value, *value.further)]
        return written if value.further else written[0]
    if isinstance(value, Section):
        return {name: _written((*path, name), getattr(value, name)) for name in type(value).model_fields}
    if path in _DURATIONS and value is not None:
        return format_duration(value)
    return list(value) if isinstance(value, tuple) else value


def _parameter(parameter: Parameter) -> dict[str, Any]:
    domain = parameter.domain
    written: dict[str, Any]
    if isinstance(domain, Choice):
        written = {"values": list(domain.values)}
    else:
        written = {"min": domain.low, "max": domain.high}
        if domain.log:
            written["log"] = True
        elif domain.step not in (None, 1) or isinstance(domain.step, float):
            written["step"] = domain.step
    if parameter.when:
        written["when"] = _conditions(parameter)
    return written


def _conditions(parameter: Parameter) -> dict[str, Any]:
    """The conditions by parameter; several on one parameter are the values they share."""
    shared: dict[str, Any] = {}
    for condition in parameter.when:
        if condition.parameter in shared:
            kept = [
                value for value in shared[condition.parameter] if condition.met({condition.parameter: value})
            ]
            shared[condition.parameter] = kept
        else:
            shared[condition.parameter] = list(condition.allowed)
    return {name: values[0] if len(values) == 1 else values for name, values in shared.items()}


def differences(mine: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """``key.path: mine -> other`` for everything that differs, types told apart, in the file's order."""
    left, right = _leaves(mine), _leaves(other)
    names = list(dict.fromkeys([*left, *right]))
    return [
        f"{name}: {left.get(name, '(absent)')} -> {right.get(name, '(absent)')}"
        for name in names
        if left.get(name) != right.get(name)
    ]


def _leaves(document: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    leaves: dict[str, str] = {}
    for name, value in document.items():
        if isinstance(value, Mapping):
            leaves |= _leaves(value, f"{prefix}{name}.")
        else:
            leaves[f"{prefix}{name}"] = flow(value)
    return leaves
