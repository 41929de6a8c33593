"""Parameters and the conditions under which they are active."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property

from sweeps.space.domains import Domain
from sweeps.space.values import Params, Value, identity
from sweeps.space.wording import show


@dataclass(frozen=True, eq=False)
class Condition:
    """Met where ``parameter`` is active and has one of the ``allowed`` values, types told apart."""

    parameter: str
    allowed: tuple[Value, ...]

    @cached_property
    def identities(self) -> frozenset[Hashable]:
        """The allowed values, types told apart."""
        return frozenset(identity(value) for value in self.allowed)

    def met(self, params: Params) -> bool:
        """Whether ``params``, decided at least as far as ``parameter``, meet this condition."""
        return self.parameter in params and identity(params[self.parameter]) in self.identities

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Condition):
            return NotImplemented
        return (self.parameter, self.identities) == (other.parameter, other.identities)

    def __hash__(self) -> int:
        return hash((self.parameter, self.identities))

    def __str__(self) -> str:
        values = " or ".join(show(value) for value in self.allowed)
        return f"{self.parameter} is {values}"


@dataclass(frozen=True)
class Parameter:
    """One searched value: a dotted name, its domain, and the conditions that must all be met."""

    name: str
    domain: Domain
    when: tuple[Condition, ...] = ()

    def active(self, params: Params) -> bool:
        """Whether this parameter takes part in ``params``, decided up to here in the space's order."""
        return all(condition.met(params) for condition in self.when)


def in_order(parameters: Mapping[str, Parameter]) -> tuple[list[Parameter], list[str]]:
    """The parameters with every condition's parameter before its dependants, else as given.

    The second list names those that stand in, or hang on, a circle of conditions; a sound space has none.
    """
    ordered: dict[str, Parameter] = {}
    waiting = dict(parameters)
    while ready := next((p for p in waiting.values() if _decided(p, ordered)), None):
        ordered[ready.name] = waiting.pop(ready.name)
    return list(ordered.values()), list(waiting)


def _decided(parameter: Parameter, ordered: Mapping[str, Parameter]) -> bool:
    return all(condition.parameter in ordered for condition in parameter.when)


def never_active(parameters: list[Parameter]) -> dict[str, str]:
    """Names of parameters that no configuration can hold, each with the parameter that forbids it.

    A parameter is active where a conjunction of memberships holds: its own conditions and those of
    all its ancestors. These speak of independent domains, so the conjunction can be met exactly where,
    for every parameter named, the allowed values have one in common.
    """
    needs: dict[str, dict[str, frozenset[Hashable]]] = {}
    blocked: dict[str, str] = {}
    for parameter in parameters:
        own: dict[str, frozenset[Hashable]] = {}
        for condition in parameter.when:
            _narrow(own, condition.parameter, condition.identities)
            for name, allowed in needs[condition.parameter].items():
                _narrow(own, name, allowed)
        needs[parameter.name] = own
        contradictory = next((name for name, allowed in own.items() if not allowed), None)
        if contradictory is not None:
            blocked[parameter.name] = contradictory
    return blocked


def _narrow(needs: dict[str, frozenset[Hashable]], name: str, allowed: frozenset[Hashable]) -> None:
    needs[name] = needs[name] & allowed if name in needs else allowed
