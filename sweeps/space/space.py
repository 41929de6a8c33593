"""The search space: what may be drawn, what is allowed, and what a trial's configuration looks like."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from sweeps.space.conditions import Parameter
from sweeps.space.constraints import Constraint
from sweeps.space.counting import count_configurations, walk
from sweeps.space.values import Params, Value, identity, nest

LARGEST = 1_000_000


@dataclass(frozen=True)
class Space:
    """A checked space; ``params`` everywhere are flat, in its order, and hold the active parameters only.

    ``parameters`` are in an order in which a condition's parameter stands before its dependants.
    """

    parameters: tuple[Parameter, ...]
    constraints: tuple[Constraint, ...] = ()
    fixed: Mapping[str, Value] = field(default_factory=dict)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of all parameters, in order."""
        return tuple(parameter.name for parameter in self.parameters)

    def draw(self, choose: Callable[[Parameter], Value]) -> Params:
        """A configuration of which ``choose`` gives the value of each active parameter, in order."""
        params: Params = {}
        for parameter in self.parameters:
            if parameter.active(params):
                params[parameter.name] = choose(parameter)
        return params

    def uniform(self, rng: np.random.Generator) -> Params:
        """An independent uniform (log-uniform, stepped) draw; constraints are not looked at."""
        return self.draw(lambda parameter: parameter.domain.sample(rng))

    def violated(self, params: Params) -> Constraint | None:
        """The first constraint that ``params`` do not hold, if any."""
        return next((c for c in self.constraints if not c.holds(params, self.fixed)), None)

    def allows(self, params: Params) -> bool:
        """Whether all constraints hold."""
        return self.violated(params) is None

    def contains(self, params: Params) -> bool:
        """Whether ``params`` hold exactly the active names, each of its domain, and are allowed."""
        seen: Params = {}
        for parameter in self.parameters:
            if not parameter.active(seen):
                continue
            if parameter.name not in params or not parameter.domain.contains(params[parameter.name]):
                return False
            seen[parameter.name] = params[parameter.name]
        return len(seen) == len(params) and self.allows(params)

    def config(self, params: Params) -> dict[str, Any]:
        """The nested configuration a trial receives: fixed values and ``params``."""
        return nest({**self.fixed, **params})

    def key(self, params: Params) -> Hashable:
        """Equal for two configurations exactly where names, values and the values' types are."""
        return frozenset((name, identity(value)) for name, value in params.items())

    @cached_property
    def finite(self) -> bool:
        """Whether every domain has finitely many values."""
        return all(parameter.domain.count() is not None for parameter in self.parameters)

    def size(self) -> int | None:
        """The exact number of allowed configurations; None if infinite, or over 1,000,000 steps to count."""
        return count_configurations(self, LARGEST) if self.finite else None

    def size_bound(self) -> int | None:
        """The product of all domains' sizes, at least ``size()`` and cheap; None if infinite."""
        return prod(parameter.domain.count() or 0 for parameter in self.parameters) if self.finite else None

    def configurations(self) -> Iterator[Params]:
        """All allowed configurations, the last parameter changing fastest; for finite spaces only."""
        if self.allows_fixed():
            yield from walk(self.parameters, self.constraints, self.fixed)

    def allows_fixed(self) -> bool:
        """Whether the constraints that name fixed values only hold."""
        return all(c.holds({}, self.fixed) for c in self.constraints if not c.names & set(self.names))
