"""What the tables of one sweep look like: its objective, and a column type for every parameter."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from sweeps.messages import Goal
from sweeps.space import Choice, Domain, Float
from sweeps.study.objectives import Objectives
from sweeps.study.record import TrialRecord

if TYPE_CHECKING:
    from sweeps.spec import SweepSpec

# A column of values of several types: each is written as JSON text, and read back from it.
JSON_TEXT: Mapping[bytes, bytes] = {b"sweeps.encoding": b"json"}


def is_json_text(field: pa.Field) -> bool:
    """Whether a column's cells are JSON texts."""
    return bool(field.metadata) and JSON_TEXT.items() <= field.metadata.items()


@dataclass(frozen=True, slots=True)
class TypedColumn:
    """One column of a ``group``: ``params.<name>`` or ``info.<name>``.

    A parameter's type follows from its domain alone, so it never changes during a sweep; after an edit also
    from the values of trials outside, see `Layout.columns`.
    """

    group: str
    name: str
    type: pa.DataType
    json: bool = False

    def field(self) -> pa.Field:
        return pa.field(f"{self.group}.{self.name}", self.type, metadata=JSON_TEXT if self.json else None)

    def array(self, values: Iterable[Any]) -> pa.Array:
        """``values`` in trial order, None where it has none."""
        if self.json:
            values = (None if value is None else json.dumps(value) for value in values)
        return pa.array(values, self.type)


@dataclass(frozen=True, slots=True)
class Layout:
    """The objective and the parameters of a sweep, as its tables name them."""

    metric: str
    goal: Goal
    parameters: tuple[TypedColumn, ...] = ()
    further: Mapping[str, Goal] = field(default_factory=dict)  # of the objectives besides the leading one
    constrained: bool = False  # whether there are constraints on metrics

    @classmethod
    def of(cls, spec: SweepSpec) -> Layout:
        columns = tuple(parameter_column(p.name, p.domain) for p in spec.space.parameters)
        constrained = bool(spec.metric_constraints)
        return cls(spec.metric.name, spec.metric.goal, columns, spec.objectives.further, constrained)

    @property
    def objectives(self) -> Objectives:
        return Objectives(self.goal, self.further)

    @property
    def goals(self) -> Mapping[str, Goal]:
        """Of every objective, by name, the leading one first."""
        return {self.metric: self.goal, **self.further}

    def columns(self, records: Sequence[TrialRecord]) -> list[TypedColumn]:
        """The parameters' columns, wide enough for trials outside the space; parameters that only these have
        come last.
        """
        outside: dict[str, list[Any]] = {}
        for record in records:
            for name, value in record.params.items() if record.outside else ():
                outside.setdefault(name, []).append(value)
        own = [_widened(column, outside.pop(column.name, [])) for column in self.parameters]
        return [*own, *(typed_column("params", name, values) for name, values in outside.items())]

    def order(self, metrics: Iterable[str]) -> list[str]:
        """The metrics' columns: the objectives first, then by name, whichever trial reported them first."""
        return [*self.goals, *sorted(set(metrics) - self.goals.keys())]


def parameter_column(name: str, domain: Domain) -> TypedColumn:
    """The column of parameter ``name``."""
    if isinstance(domain, Choice):
        return typed_column("params", name, domain.values)
    return TypedColumn("params", name, pa.float64() if isinstance(domain, Float) else pa.int64())


def _widened(column: TypedColumn, values: Iterable[Any]) -> TypedColumn:
    """``column`` if it holds ``values`` too, else one that does: of floats, or of JSON text."""
    kinds = {_ARROW[type(value)] for value in values if value is not None} - {column.type}
    if column.json or not kinds:
        return column
    numbers = kinds | {column.type} == {pa.int64(), pa.float64()}
    return replace(column, type=pa.float64() if numbers else pa.string(), json=not numbers)


def typed_column(group: str, name: str, values: Iterable[Any]) -> TypedColumn:
    """The column that holds all of ``values``.

    Values of one type get that type (null among them does not count as one); whole numbers among other
    numbers become floats unless that would make two values equal; anything else mixed becomes JSON text.
    """
    given = {(type(value), value) for value in values if value is not None}
    kinds = {kind for kind, _ in given}
    if kinds == {int, float} and len({float(value) for _, value in given}) == len(given):
        kinds = {float}
    if len(kinds) != 1 or any(kind is int and abs(value) >= 2**53 for kind, value in given):
        return TypedColumn(group, name, pa.string(), json=True)
    return TypedColumn(group, name, _ARROW[kinds.pop()])


_ARROW: Mapping[type, pa.DataType] = {
    bool: pa.bool_(),
    int: pa.int64(),
    float: pa.float64(),
    str: pa.string(),
}
