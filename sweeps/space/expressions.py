"""The compiler behind constraints: from ``ast`` nodes to closures, kinds checked on the way."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sweeps.space.values import Value, kind
from sweeps.space.wording import did_you_mean, listed, show

Evaluate = Callable[[Mapping[str, Value]], Value]
Kinds = frozenset[str]

NUMBER = frozenset({"number"})
BOOL = frozenset({"bool"})
DEEPEST = 40

_SPELLED = {"true": True, "false": False, "null": None}
_ARITHMETIC: dict[type[ast.operator], tuple[str, Callable[..., Value]]] = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.Div: ("/", operator.truediv),
    ast.FloorDiv: ("//", operator.floordiv),
    ast.Mod: ("%", operator.mod),
    ast.Pow: ("**", math.pow),
}
_ORDER: dict[type[ast.cmpop], tuple[str, Callable[..., bool]]] = {
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
}
_FUNCTIONS: dict[str, tuple[Callable[..., Value], int, int]] = {  # with the fewest and most arguments
    "min": (min, 2, 50),
    "max": (max, 2, 50),
    "log": (math.log, 1, 2),
    "sqrt": (math.sqrt, 1, 1),
    "abs": (abs, 1, 1),
}


class ConstraintError(ValueError):
    """A constraint is wrong whatever the values; the message says how."""


@dataclass(frozen=True)
class Term:
    """A compiled sub-expression; ``values``, of a name or literal, hold all the texts it can be."""

    source: str
    kinds: Kinds
    evaluate: Evaluate
    values: tuple[Value, ...] | None = None


class Compiler:
    """Compiles one constraint, parsed from ``source``; ``names`` collects the names it uses."""

    def __init__(self, source: str, possible: Mapping[str, tuple[Value, ...]]) -> None:
        self.names: set[str] = set()
        self._source = source
        self._possible = possible
        self._depth = 0

    def compile(self, node: ast.expr) -> Term:
        """The term of ``node``; ConstraintError where the language has no such thing."""
        if self._depth >= DEEPEST:
            raise ConstraintError(f"must be nested at most {DEEPEST} deep: split it in two")
        self._depth += 1
        try:
            return self._dispatch(node)
        finally:
            self._depth -= 1

    def _dispatch(self, node: ast.expr) -> Term:
        match node:
            case ast.Constant():
                return self._constant(node)
            case ast.Name() | ast.Attribute():
                return self._name(node)
            case ast.BinOp():
                return self._arithmetic(node)
            case ast.UnaryOp():
                return self._unary(node)
            case ast.BoolOp():
                return self._logic(node)
            case ast.Compare():
                return self._compare(node)
            case ast.Call():
                return self._call(node)
        raise ConstraintError(
            f"uses what constraints do not have ({show(self._text(node))}): only names, numbers, text, "
            "arithmetic, comparisons, and/or/not, min, max, log, sqrt and abs"
        )

    def _text(self, node: ast.expr) -> str:
        return ast.get_source_segment(self._source, node) or ""

    def _constant(self, node: ast.Constant) -> Term:
        value = node.value
        if value is not None and not isinstance(value, (bool, int, float, str)):
            raise ConstraintError(f"uses what constraints do not have ({self._text(node)}): a number or text")
        return _literal(self._text(node), value)

    def _name(self, node: ast.Name | ast.Attribute) -> Term:
        name = self._text(node)
        if name not in self._possible:
            if name in _SPELLED:
                return _literal(name, _SPELLED[name])
            known = did_you_mean(name, self._possible)
            raise ConstraintError(
                f'names no parameter ("{name}"): parameters are written bare, text in quotes{known}'
            )
        self.names.add(name)
        values = self._possible[name]
        return Term(name, frozenset(kind(value) for value in values), operator.itemgetter(name), values)

    def _arithmetic(self, node: ast.BinOp) -> Term:
        if type(node.op) not in _ARITHMETIC:
            raise ConstraintError(
                f"uses what constraints do not have ({show(self._text(node))}): the operators are "
                "+ - * / // % **, comparisons and and/or/not"
            )
        symbol, compute = _ARITHMETIC[type(node.op)]
        left, right = self._number(node.left, symbol), self._number(node.right, symbol)
        return Term(self._text(node), NUMBER, lambda values: compute(left(values), right(values)))

    def _unary(self, node: ast.UnaryOp) -> Term:
        source = self._text(node)
        if isinstance(node.op, ast.Not):
            truth = self._truth(node.operand, "not")
            return Term(source, BOOL, lambda values: not truth(values))
        if isinstance(node.op, ast.Invert):
            raise ConstraintError(f'uses what constraints do not have ({show(source)}): write "not"')
        number = self._number(node.operand, "-")
        if isinstance(node.op, ast.UAdd):
            return Term(source, NUMBER, number)
        return Term(source, NUMBER, lambda values: operator.neg(number(values)))  # type: ignore[arg-type] # a number

    def _logic(self, node: ast.BoolOp) -> Term:
        word, decide = ("and", all) if isinstance(node.op, ast.And) else ("or", any)
        parts = [self._truth(value, word) for value in node.values]
        return Term(self._text(node), BOOL, lambda values: decide(part(values) for part in parts))

    def _call(self, node: ast.Call) -> Term:
        name = self._text(node.func)
        if name not in _FUNCTIONS:
            known = did_you_mean(name, _FUNCTIONS)
            raise ConstraintError(f"calls an unknown function ({name}): one of {listed(_FUNCTIONS)}{known}")
        function, fewest, most = _FUNCTIONS[name]
        if node.keywords or not fewest <= len(node.args) <= most:
            wanted = str(fewest) if fewest == most else f"{fewest} to {most}"
            raise ConstraintError(
                f"calls {name} with the wrong arguments ({show(self._text(node))}): {wanted} numbers"
            )
        numbers = [self._number(argument, name) for argument in node.args]
        return Term(
            self._text(node), NUMBER, lambda values: function(*(number(values) for number in numbers))
        )

    def _compare(self, node: ast.Compare) -> Term:
        steps: list[Evaluate] = []
        left = node.left
        for comparison, right in zip(node.ops, node.comparators, strict=True):
            steps.append(self._comparison(left, comparison, right))
            left = right
        return Term(self._text(node), BOOL, lambda values: all(step(values) for step in steps))

    def _comparison(self, left: ast.expr, comparison: ast.cmpop, right: ast.expr) -> Evaluate:
        if type(comparison) in _ORDER:
            symbol, ordered = _ORDER[type(comparison)]
            smaller, greater = self._number(left, symbol), self._number(right, symbol)
            return lambda values: ordered(smaller(values), greater(values))
        if isinstance(comparison, (ast.In, ast.NotIn)):
            return self._membership(left, right, wanted=isinstance(comparison, ast.In))
        if isinstance(comparison, (ast.Eq, ast.NotEq)):
            equal = _equality(self.compile(left), self.compile(right))
            return equal if isinstance(comparison, ast.Eq) else lambda values: not equal(values)
        raise ConstraintError('uses "is", which constraints do not have: write == or !=')

    def _membership(self, left: ast.expr, right: ast.expr, *, wanted: bool) -> Evaluate:
        if not isinstance(right, (ast.List, ast.Tuple, ast.Set)) or not right.elts:
            raise ConstraintError(f'needs a list after "in" ({show(self._text(right))}): write [1, 2]')
        item = self.compile(left)
        equal = [_equality(item, self.compile(element)) for element in right.elts]
        return lambda values: any(match(values) for match in equal) is wanted

    def _number(self, node: ast.expr, user: str) -> Evaluate:
        return _of_kind(self.compile(node), "number", user)

    def _truth(self, node: ast.expr, user: str) -> Evaluate:
        return _of_kind(self.compile(node), "bool", user)


def _literal(source: str, value: Value) -> Term:
    return Term(source, frozenset({kind(value)}), lambda _: value, (value,))


def _of_kind(term: Term, wanted: str, user: str) -> Evaluate:
    """``term`` where it is of the ``wanted`` kind; TypeError for values of another."""
    evaluate = term.evaluate
    if wanted not in term.kinds:
        is_kind = " or ".join(sorted(term.kinds))
        raise ConstraintError(
            f"uses {is_kind} where `{user}` needs a {wanted} ({show(term.source)}): compare it first"
        )
    if term.kinds == {wanted}:
        return evaluate

    def checked(values: Mapping[str, Value]) -> Value:
        value = evaluate(values)
        if kind(value) != wanted:
            raise TypeError(f"{value!r} is not a {wanted}")
        return value

    return checked


def _equality(left: Term, right: Term) -> Evaluate:
    """Equal kinds and equal values; an error where no value of one can equal any of the other."""
    if not left.kinds & right.kinds or _disjoint_texts(left, right):
        known = did_you_mean(right.values[0], left.values) if left.values and right.values else ""
        raise ConstraintError(
            f"compares what can never be equal ({show(left.source)} and {show(right.source)}){known}"
        )

    def equal(values: Mapping[str, Value]) -> bool:
        one, other = left.evaluate(values), right.evaluate(values)
        return kind(one) == kind(other) and one == other

    return equal


def _disjoint_texts(left: Term, right: Term) -> bool:
    if left.kinds != {"text"} or right.kinds != {"text"}:
        return False
    return not set(left.values or ()) & set(right.values or ())
