"""``enqueue``: configurations to run first, each checked against the space."""

from __future__ import annotations

from typing import Any

from sweeps.space import Choice, Parameter, Params, Space
from sweeps.space.wording import did_you_mean, show
from sweeps.spec.parameters import flatten
from sweeps.spec.positions import KeyPath
from sweeps.spec.problems import Reporter
from sweeps.spec.ranges import is_scalar

_PATH: KeyPath = ("enqueue",)


def read_enqueue(written: Any, space: Space, reporter: Reporter) -> tuple[Params, ...]:
    """The sound configurations listed, in the order of the file; the others are reported."""
    if written is None:
        return ()
    if not isinstance(written, list):
        reporter.value(_PATH, f"must be a list of configurations ({show(written)}): write [{{lr: 0.1}}]")
        return ()
    sound: dict[Any, Params] = {}
    for index, entry in enumerate(written):
        params = _read_entry(entry, (*_PATH, index), space, reporter)
        if params is None:
            continue
        if space.key(params) in sound:
            reporter.value((*_PATH, index), "repeats an earlier configuration: remove one of them")
        sound.setdefault(space.key(params), params)
    return tuple(sound.values())


def _read_entry(entry: Any, path: KeyPath, space: Space, reporter: Reporter) -> Params | None:
    if not isinstance(entry, dict):
        reporter.value(
            path, f"must be a mapping of every parameter's value ({show(entry)}): write {{lr: 0.1}}"
        )
        return None
    given = {name: (value, at) for name, value, at in flatten(entry, path, reporter)}
    unknown = [name for name in given if name not in space.names]
    for name in unknown:
        reporter.key(given[name][1], _unknown(name, space))
    params: Params = {}
    sound = not unknown
    for parameter in space.parameters:
        active = parameter.active(params)
        if parameter.name in given:
            written, at = given[parameter.name]
            value_is_sound = _is_sound(parameter, written, at, reporter)
            if value_is_sound and sound and not active:
                conditions = " and ".join(str(condition) for condition in parameter.when)
                reporter.key(at, f"is not active here: it is only where {conditions}; remove it")
            if value_is_sound and active:
                params[parameter.name] = parameter.domain.coerce(written)
            sound = sound and value_is_sound and active
        elif active:
            reporter.value(path, f'lacks the parameter "{parameter.name}": give it {parameter.domain}')
            sound = False
    return params if sound and _is_allowed(params, path, space, reporter) else None


def _is_sound(parameter: Parameter, written: Any, path: KeyPath, reporter: Reporter) -> bool:
    domain = parameter.domain
    if not is_scalar(written, path, reporter):
        return False
    if domain.contains(domain.coerce(written)):
        return True
    near = did_you_mean(written, domain.values) if isinstance(domain, Choice) else ""
    reporter.value(path, f"is outside the space ({show(written)}): it is {domain}{near}")
    return False


def _is_allowed(params: Params, path: KeyPath, space: Space, reporter: Reporter) -> bool:
    violated = space.violated(params)
    if violated is not None:
        reporter.value(path, f"does not hold the constraint {violated} ({show(params)}): change a value")
    return violated is None


def _unknown(name: str, space: Space) -> str:
    if name in space.fixed:
        return f"is fixed ({show(space.fixed[name])}): leave it out"
    return f"is no parameter of this space{did_you_mean(name, space.names) or ': remove it'}"
