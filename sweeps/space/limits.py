"""Limits: constraints on what a trial reported, with how far they are from holding.

    latency <= 50
    0.9 <= val_accuracy and memory / 2**30 < 8

The language is that of `sweeps.space.constraints`, over names of metrics, all of which are numbers.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sweeps.space.constraints import Constraint, parse_constraint, parse_expression
from sweeps.space.expressions import Compiler
from sweeps.space.values import Value

_EXAMPLE = "latency <= 50"
_LEAST, _MOST = 1e-12, 1e100  # of an excess that is not 0
_FALLING, _RISING = (ast.Lt, ast.LtE), (ast.Gt, ast.GtE)
_ANY_NUMBERS = (0.0, 1.0)
_SPELLED = {"true", "false", "null"}

Measure = Callable[[Mapping[str, Value]], float]


@dataclass(frozen=True)
class Limit:
    """A compiled limit; two are equal when their text is."""

    source: str
    names: frozenset[str] = field(compare=False)
    _constraint: Constraint = field(compare=False, repr=False)
    _measure: Measure = field(compare=False, repr=False)

    def excess(self, metrics: Mapping[str, float]) -> float:
        """0.0 where it holds, else how far it is from that, above 0 and at most 1e100.

        For comparisons by size it is the difference of the two sides, for ``and`` the sum over the parts, for
        anything else 1. ``metrics`` has all of `names`.
        """
        if self._constraint.holds(dict(metrics), {}):
            return 0.0
        try:
            excess = self._measure(metrics)
        except (ArithmeticError, ValueError, TypeError):
            return 1.0
        return min(max(excess, _LEAST), _MOST) if math.isfinite(excess) else _MOST

    def __str__(self) -> str:
        return self.source


def parse_limit(source: str) -> Limit:
    """The limit written in ``source``, at most 500 characters.

    Raises:
        ConstraintError: it cannot be read, names no metric, or can never be evaluated.
    """
    node = parse_expression(source.strip(), _EXAMPLE)
    possible = dict.fromkeys(_names(node, source.strip()), _ANY_NUMBERS)
    constraint = parse_constraint(source, possible, of="metric", example=_EXAMPLE)
    measure = _measure(node, Compiler(source.strip(), possible))
    return Limit(source, constraint.names, constraint, measure)


def _names(node: ast.expr, source: str) -> set[str]:
    """Every name, dotted ones whole; what is called is none."""
    parts = {id(inner.value) for inner in ast.walk(node) if isinstance(inner, ast.Attribute)}
    parts |= {id(inner.func) for inner in ast.walk(node) if isinstance(inner, ast.Call)}
    whole = [n for n in ast.walk(node) if isinstance(n, ast.Name | ast.Attribute) and id(n) not in parts]
    return {ast.get_source_segment(source, name) or "" for name in whole} - _SPELLED


def _measure(node: ast.expr, compiler: Compiler) -> Measure:
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
        parts = [_measure(value, compiler) for value in node.values]
        return lambda metrics: math.fsum(part(metrics) for part in parts)
    truth = compiler.compile(node).evaluate
    if not isinstance(node, ast.Compare) or not all(isinstance(op, _FALLING + _RISING) for op in node.ops):
        return lambda metrics: 0.0 if truth(metrics) is True else 1.0
    sides = [compiler.compile(side).evaluate for side in (node.left, *node.comparators)]
    signs = [1.0 if isinstance(op, _FALLING) else -1.0 for op in node.ops]

    def measure(metrics: Mapping[str, Value]) -> float:
        numbers = [float(side(metrics)) for side in sides]  # type: ignore[arg-type]  # kinds were checked
        steps = zip(signs, numbers, numbers[1:], strict=False)
        return max(0.0, *(sign * (left - right) for sign, left, right in steps))

    return measure
