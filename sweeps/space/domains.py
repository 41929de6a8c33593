"""What one parameter may be: a range of floats, a range of integers, or a choice of values.

Domains are made at the edge, where their bounds have been checked: ``low < high``, both finite,
``low > 0`` where ``log`` is set, never ``log`` together with a step.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

import numpy as np

from sweeps.space.values import Value, identity
from sweeps.space.wording import listed, show


@dataclass(frozen=True)
class Float:
    """Floats in [low, high]; with ``step`` only ``low + k * step``, in decimal (0.1 * 3 is 0.3)."""

    low: float
    high: float
    log: bool = False
    step: float | None = None

    @property
    def last(self) -> float:
        """The greatest value of the domain; below ``high`` where the grid does not meet it."""
        points = self.count()
        return self.high if points is None else self._point(points - 1)

    def count(self) -> int | None:
        """How many values there are; None for a continuous range."""
        if self.step is None:
            return None
        return int((Decimal(repr(self.high)) - Decimal(repr(self.low))) / Decimal(repr(self.step))) + 1

    def points(self) -> Iterator[float]:
        """All values in rising order; for stepped ranges only."""
        return (self._point(index) for index in range(self.count() or 0))

    def coerce(self, value: Value) -> Value:
        """``value`` with an integer read as a float, as a range of floats means it."""
        return float(value) if type(value) is int else value

    def contains(self, value: Value) -> bool:
        """Whether ``value`` is a float of this domain, grid included."""
        if type(value) is not float or not self.low <= value <= self.high:
            return False
        return self.step is None or self.nearest(value) == value

    def nearest(self, number: float) -> float:
        """The value of the domain nearest to ``number``."""
        points = self.count()
        if self.step is None or points is None:
            return min(max(number, self.low), self.high)
        return self._point(min(max(round((number - self.low) / self.step), 0), points - 1))

    def sample(self, rng: np.random.Generator) -> float:
        """An independent uniform (log-uniform, stepped) draw."""
        points = self.count()
        if points is not None:
            return self._point(int(rng.integers(points)))
        if self.log:
            return self.nearest(math.exp(rng.uniform(math.log(self.low), math.log(self.high))))
        return float(rng.uniform(self.low, self.high))

    def _point(self, index: int) -> float:
        return float(Decimal(repr(self.low)) + index * Decimal(repr(self.step)))

    def __str__(self) -> str:
        step = f" in steps of {show(self.step)}" if self.step is not None else ""
        return f"a number from {show(self.low)} to {show(self.high)}{step}"


@dataclass(frozen=True)
class Integer:
    """Integers ``low + k * step`` in [low, high]."""

    low: int
    high: int
    log: bool = False
    step: int = 1

    @property
    def last(self) -> int:
        """The greatest value of the domain; below ``high`` where the steps do not meet it."""
        return self.low + (self.count() - 1) * self.step

    def count(self) -> int:
        """How many values there are."""
        return (self.high - self.low) // self.step + 1

    def points(self) -> Iterator[int]:
        """All values in rising order."""
        return iter(range(self.low, self.high + 1, self.step))

    def coerce(self, value: Value) -> Value:
        """``value`` itself: nothing else is read as an integer."""
        return value

    def contains(self, value: Value) -> bool:
        """Whether ``value`` is an integer of this domain, steps included."""
        return type(value) is int and self.low <= value <= self.high and (value - self.low) % self.step == 0

    def nearest(self, number: float) -> int:
        """The value of the domain nearest to ``number``."""
        return self.low + min(max(round((number - self.low) / self.step), 0), self.count() - 1) * self.step

    def sample(self, rng: np.random.Generator) -> int:
        """An independent uniform (log-uniform, stepped) draw."""
        if not self.log:
            return self.low + int(rng.integers(self.count())) * self.step
        # Half a unit on both sides gives the end points the share of log width that is theirs.
        drawn = math.exp(rng.uniform(math.log(self.low - 0.5), math.log(self.high + 0.5)))
        return min(max(round(drawn), self.low), self.high)

    def __str__(self) -> str:
        step = f" in steps of {self.step}" if self.step != 1 else ""
        return f"a whole number from {self.low} to {self.high}{step}"


@dataclass(frozen=True, eq=False)
class Choice:
    """One of ``values``, all different; 1, 1.0, true and "1" are four values."""

    values: tuple[Value, ...]

    @cached_property
    def _index(self) -> dict[Hashable, int]:
        return {identity(value): index for index, value in enumerate(self.values)}

    def count(self) -> int:
        """How many values there are."""
        return len(self.values)

    def points(self) -> Iterator[Value]:
        """All values in the order given."""
        return iter(self.values)

    def coerce(self, value: Value) -> Value:
        """``value`` itself: choices are told apart by type."""
        return value

    def contains(self, value: Value) -> bool:
        """Whether ``value``, type included, is one of the choices."""
        return identity(value) in self._index

    def index(self, value: Value) -> int:
        """Where ``value`` stands among the choices; KeyError if it does not."""
        return self._index[identity(value)]

    def sample(self, rng: np.random.Generator) -> Value:
        """An independent uniform draw."""
        return self.values[int(rng.integers(len(self.values)))]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Choice) and list(self._index) == list(other._index)

    def __hash__(self) -> int:
        return hash(tuple(self._index))

    @cached_property
    def _text(self) -> str:
        return f"one of {listed(map(show, self.values))}"

    def __str__(self) -> str:
        return self._text


Domain = Float | Integer | Choice
