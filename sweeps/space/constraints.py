"""Constraints: a small expression language over parameter names, compiled to plain functions.

    batch_size * width <= 4096
    optimizer == "adamw" or 0 < momentum < 0.99
    not (data == "digits" and depth in [5, 6])

Names are those of parameters and fixed values, dotted where nested. There are numbers, quoted text,
true/false/null (or Python's spelling), ``+ - * / // % **``, comparisons also in chains, ``in`` and
``not in`` over a list, ``and or not`` and min, max, log, sqrt, abs. Text is parsed with ``ast`` and every
node translated by hand, so nothing else can run. Powers are computed in floats, so none is costly.

Kinds (number, text, bool, null) are checked when a constraint is read: what can never fit is an error
there. What fails for certain values only (division by zero, log of 0, overflow) makes the constraint not
held for them. A constraint that names an inactive parameter holds.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from sweeps.space.expressions import BOOL, Compiler, ConstraintError, Evaluate
from sweeps.space.values import Params, Value
from sweeps.space.wording import show

LONGEST = 500
_EXAMPLE = "batch_size * width <= 4096"

_SLIPS = (
    (re.compile(r"&&"), "&&", "and"),
    (re.compile(r"\|\|"), "||", "or"),
    (re.compile(r"!(?!=)"), "!", "not"),
    (re.compile(r"(?<![=!<>])=(?!=)"), "=", "=="),
)


@dataclass(frozen=True)
class Constraint:
    """A compiled constraint; two are equal when their text is."""

    source: str
    names: frozenset[str] = field(compare=False)
    _evaluate: Evaluate = field(compare=False, repr=False)

    def holds(self, params: Params, fixed: Mapping[str, Value]) -> bool:
        """Whether it holds for these values, or names a parameter that is inactive."""
        try:
            values = {name: params[name] if name in params else fixed[name] for name in self.names}
        except KeyError:
            return True
        try:
            return self._evaluate(values) is True
        except (ArithmeticError, ValueError, TypeError):
            return False

    def __str__(self) -> str:
        return self.source


def parse_constraint(
    source: str,
    possible: Mapping[str, tuple[Value, ...]],
    *,
    of: str = "parameter",
    example: str = _EXAMPLE,
) -> Constraint:
    """The constraint written in ``source``, at most 500 characters.

    ``possible`` gives every name with values that show its kinds: all of them for a choice or a fixed
    value, any two for a range. ``of`` and ``example`` are for messages: what is named, and how.

    Raises:
        ConstraintError: it cannot be read, uses an unknown name, or can never be evaluated.
    """
    line = source.strip()
    compiler = Compiler(line, possible)
    term = compiler.compile(parse_expression(line, example))
    if not term.kinds & BOOL:
        raise ConstraintError(
            f"must be a comparison ({show(source)}): write what has to hold, such as `a <= b`"
        )
    if not compiler.names:
        raise ConstraintError(f"names no {of} ({show(source)}): remove it")
    return Constraint(source, frozenset(compiler.names), term.evaluate)


def parse_expression(source: str, example: str) -> ast.expr:
    """``source`` parsed, nothing in it checked; raises ConstraintError where it is no expression."""
    if len(source) > LONGEST:
        raise ConstraintError(f"must be at most {LONGEST} characters long ({len(source)}): split it in two")
    try:
        return ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        column = getattr(error, "offset", None)
        near = f" near character {column}" if column else ""
        raise ConstraintError(
            f"cannot be read as an expression{near} ({show(source)}){_hint(source, example)}"
        ) from error


def _hint(source: str, example: str) -> str:
    for pattern, written, meant in _SLIPS:
        if pattern.search(source):
            return f': write "{meant}" for "{written}"'
    return f": write it such as `{example}`"
