"""Walking and counting the configurations of a finite space, conditions and constraints included."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Final

from sweeps.space.conditions import Parameter
from sweeps.space.constraints import Constraint
from sweeps.space.values import Params, Value

if TYPE_CHECKING:
    from sweeps.space.space import Space


class _Mark:
    """A token that is no value."""


_ABSENT: Final = _Mark()
_END: Final = _Mark()


class TooLarge(Exception):
    """The walk took more steps than it was allowed."""


def walk(
    parameters: Sequence[Parameter],
    constraints: Sequence[Constraint],
    fixed: Mapping[str, Value],
    limit: int | None = None,
) -> Iterator[Params]:
    """All configurations of ``parameters`` in order, each branch left as soon as a constraint fails.

    Kept on a stack of its own: a space may have more parameters than Python allows nested calls.

    Raises:
        TooLarge: after more than ``limit`` steps. A value that is tried is one; so is each constraint
            beyond the first that has to be evaluated for it.
    """
    checks = _due(parameters, constraints)
    params: Params = {}
    levels: list[Iterator[Value | _Mark]] = [_options(parameters, 0, params)]
    steps = 0
    while levels:
        value = next(levels[-1], _END)
        depth = len(levels) - 1
        if isinstance(value, _Mark):
            if depth < len(parameters):
                params.pop(parameters[depth].name, None)
            if value is _END:
                levels.pop()
                continue
        else:
            params[parameters[depth].name] = value
        steps += max(1, len(checks[depth]))
        if limit is not None and steps > limit:
            raise TooLarge
        if any(not constraint.holds(params, fixed) for constraint in checks[depth]):
            continue
        if depth + 1 >= len(parameters):
            yield dict(params)
        else:
            levels.append(_options(parameters, depth + 1, params))


def _options(parameters: Sequence[Parameter], depth: int, params: Params) -> Iterator[Value | _Mark]:
    if depth < len(parameters) and parameters[depth].active(params):
        return iter(parameters[depth].domain.points())
    return iter([_ABSENT])


def _due(parameters: Sequence[Parameter], constraints: Sequence[Constraint]) -> list[list[Constraint]]:
    """For every depth the constraints whose last parameter is decided there."""
    depth_of = {parameter.name: depth for depth, parameter in enumerate(parameters)}
    due: list[list[Constraint]] = [[] for _ in range(max(len(parameters), 1))]
    for constraint in constraints:
        depths = [depth_of[name] for name in constraint.names if name in depth_of]
        if depths:
            due[max(depths)].append(constraint)
    return due


def none_allowed(space: Space, limit: int = 100_000) -> bool:
    """Whether the constraints of a finite space leave nothing, as far as ``limit`` steps can tell."""
    if not space.allows_fixed():
        return True
    try:
        return next(walk(space.parameters, space.constraints, space.fixed, limit), None) is None
    except TooLarge:
        return False


def count_configurations(space: Space, limit: int) -> int | None:
    """The exact number of allowed configurations of a finite space; None past ``limit`` steps.

    Only parameters that a condition or constraint names are walked; the others multiply.
    """
    if not space.allows_fixed():
        return 0
    named = {condition.parameter for parameter in space.parameters for condition in parameter.when}
    named = named.union(*(constraint.names for constraint in space.constraints))
    branching = [parameter for parameter in space.parameters if parameter.name in named]
    leaves = [
        (parameter, parameter.domain.count() or 0)
        for parameter in space.parameters
        if parameter.name not in named
    ]
    try:
        return sum(
            prod(count for leaf, count in leaves if leaf.active(params))
            for params in walk(branching, space.constraints, space.fixed, limit)
        )
    except TooLarge:
        return None
