"""From what was declared to a checked Space: names, conditions, order, reachability, constraints.

All problems are found, not the first. What could not be read further up is declared with ``domain=None``:
its name counts as known, nothing more is said of it, and no space comes out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sweeps.space.conditions import Condition, Parameter, in_order, never_active
from sweeps.space.constraints import Constraint, parse_constraint
from sweeps.space.domains import Choice, Domain
from sweeps.space.expressions import ConstraintError
from sweeps.space.space import Space
from sweeps.space.values import Value
from sweeps.space.wording import did_you_mean, show

KeyPath = tuple[str | int, ...]

_ANY_KIND: tuple[Value, ...] = (0, "", True, None)


@dataclass(frozen=True)
class DeclaredCondition:
    """A condition as written at ``path`` in the group ``scope`` ("" is the top level)."""

    name: str
    allowed: tuple[Value, ...]
    scope: str
    path: KeyPath


@dataclass(frozen=True)
class DeclaredParameter:
    """A parameter as written at ``path``; ``domain`` is None where it could not be read."""

    name: str
    domain: Domain | None
    when: tuple[DeclaredCondition, ...]
    path: KeyPath


@dataclass(frozen=True)
class DeclaredConstraint:
    """The text of a constraint and where it stands."""

    source: str
    path: KeyPath


@dataclass(frozen=True)
class SpaceProblem:
    """What is wrong at ``path``."""

    path: KeyPath
    message: str


def build_space(
    parameters: Sequence[DeclaredParameter],
    constraints: Sequence[DeclaredConstraint],
    fixed: Mapping[str, Value],
) -> tuple[Space | None, list[SpaceProblem]]:
    """The space of these declarations, or None and all problems (also none where a domain is None)."""
    builder = _Builder(parameters, fixed)
    builder.check_names()
    resolved = builder.resolve()
    ordered = builder.order(resolved)
    compiled = builder.compile(constraints)
    if builder.problems or any(parameter.domain is None for parameter in parameters):
        return None, builder.problems
    return Space(tuple(ordered), tuple(compiled), dict(fixed)), []


class _Builder:
    def __init__(self, parameters: Sequence[DeclaredParameter], fixed: Mapping[str, Value]) -> None:
        self.declared = {parameter.name: parameter for parameter in parameters}
        self.all = parameters
        self.fixed = fixed
        self.problems: list[SpaceProblem] = []

    def complain(self, path: KeyPath, message: str) -> None:
        self.problems.append(SpaceProblem(path, message))

    def unread(self, name: str) -> bool:
        """Whether ``name`` stands in something that could not be read, so that nothing is known of it."""
        parts = name.split(".")
        heads = [".".join(parts[: end + 1]) for end in range(len(parts))]
        return any(head in self.declared and self.declared[head].domain is None for head in heads)

    def check_names(self) -> None:
        """Names are given once, and none is also a group of another's name."""
        seen: set[str] = set()
        groups = {group: name for name in [*self.declared, *self.fixed] for group in _groups(name)}
        for parameter in self.all:
            if parameter.name in seen:
                self.complain(parameter.path, f'is given twice ("{parameter.name}"): keep one of them')
            elif parameter.name in self.fixed:
                self.complain(
                    parameter.path, f'is fixed as well ("{parameter.name}"): keep it in one of the two'
                )
            elif parameter.name in groups:
                inner = groups[parameter.name]
                self.complain(parameter.path, f'is a value and the group of "{inner}": rename one of them')
            seen.add(parameter.name)
        for name in self.fixed:
            if name in groups:
                path: KeyPath = ("fixed", *name.split("."))
                self.complain(path, f'is a value and the group of "{groups[name]}": rename one of them')

    def resolve(self) -> dict[str, Parameter]:
        """The parameters that could be read, their conditions under full names."""
        resolved = {}
        for parameter in self.declared.values():
            conditions = [self._condition(condition) for condition in parameter.when]
            if parameter.domain is not None:
                known = tuple(condition for condition in conditions if condition is not None)
                resolved[parameter.name] = Parameter(parameter.name, parameter.domain, known)
        return resolved

    def _condition(self, written: DeclaredCondition) -> Condition | None:
        name = self._lookup(written)
        if name is None:
            return None
        domain = self.declared[name].domain
        if domain is None:
            return None
        allowed = tuple(domain.coerce(value) for value in written.allowed)
        for value, as_written in zip(allowed, written.allowed, strict=True):
            if not domain.contains(value):
                near = did_you_mean(value, domain.values) if isinstance(domain, Choice) else ""
                message = f"can never be met ({show(as_written)}): {name} is {domain}{near}"
                self.complain(written.path, message)
                return None
        return Condition(name, allowed)

    def _lookup(self, written: DeclaredCondition) -> str | None:
        """The full name meant: a sibling in the same group first, then outward to the top level."""
        scope = written.scope.split(".") if written.scope else []
        for depth in range(len(scope), -1, -1):
            name = ".".join([*scope[:depth], written.name])
            if name in self.declared:
                return name
        if written.name in self.fixed:
            rule = "conditions are on searched parameters, a fixed value never changes"
            self.complain(written.path, f'names a fixed value ("{written.name}"): {rule}')
        elif not self.unread(written.name):
            near = did_you_mean(written.name, self.declared)
            self.complain(
                written.path,
                f'names no parameter ("{written.name}"){near or ": declare it under parameters"}',
            )
        return None

    def order(self, resolved: Mapping[str, Parameter]) -> list[Parameter]:
        """Condition's parameters first; circles and contradictions are complained of."""
        known = {name: Parameter(p.name, p.domain, _among(p, resolved)) for name, p in resolved.items()}
        ordered, circular = in_order(known)
        for name in circular:
            on = ", ".join(dict.fromkeys(c.parameter for c in known[name].when if c.parameter in circular))
            message = f"stands in, or hangs on, a circle of conditions (through {on}): remove one of them"
            self.complain((*self.declared[name].path, "when"), message)
        for name, culprit in never_active(ordered).items():
            message = f"can never be met: it asks for values of {culprit} that exclude each other"
            self.complain((*self.declared[name].path, "when"), message)
        return ordered

    def compile(self, constraints: Sequence[DeclaredConstraint]) -> list[Constraint]:
        """The constraints; those that are wrong whatever is drawn are complained of."""
        possible: dict[str, tuple[Value, ...]] = {name: (value,) for name, value in self.fixed.items()}
        possible |= {name: _examples(parameter.domain) for name, parameter in self.declared.items()}
        compiled = []
        for constraint in constraints:
            try:
                compiled.append(parse_constraint(constraint.source, possible))
            except ConstraintError as error:
                if not any(f"{name}." in constraint.source for name in self.declared if self.unread(name)):
                    self.complain(constraint.path, str(error))
                continue
            if not compiled[-1].names & set(self.declared) and not compiled[-1].holds({}, self.fixed):
                self.complain(
                    constraint.path, f"never holds ({show(constraint.source)}): all its names are fixed"
                )
        return compiled


def _groups(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts))]


def _among(parameter: Parameter, known: Mapping[str, Parameter]) -> tuple[Condition, ...]:
    return tuple(condition for condition in parameter.when if condition.parameter in known)


def _examples(domain: Domain | None) -> tuple[Value, ...]:
    if domain is None:
        return _ANY_KIND
    return domain.values if isinstance(domain, Choice) else (domain.low, domain.high)
