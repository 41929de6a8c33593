"""Configurations as rows of numbers: one unit, from 0 to 1, for each parameter of the space.

A unit is a value's place in its domain, on a logarithmic scale where the domain is logarithmic. Where a
domain has countably many values, each has a cell, and its unit is the middle of that. So rows drawn evenly
over [0, 1] and snapped are the space's own draws. The model sees *features*: a unit as it is, but a choice
without an order as one column for each of its values. A choice among three or more numbers has an order.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sweeps.space import Choice, Float, Integer, Parameter, Params, Space, Value, identity
from sweeps.surrogate.kernel import Array

_INACTIVE = 0.5  # the unit of a parameter that takes no part: the same for every such configuration


class Units:
    """Between configurations and units of one space.

    Attributes:
        groups: for each feature column the parameter it belongs to; a parameter's columns share one
            length scale.
    """

    def __init__(self, space: Space) -> None:
        self._space = space
        self._scales = [_scale(parameter.domain) for parameter in space.parameters]
        self._index = {parameter.name: i for i, parameter in enumerate(space.parameters)}
        widths = [scale.width for scale in self._scales]
        self.groups = np.repeat(np.arange(len(widths)), widths)

    def __len__(self) -> int:
        return len(self._scales)

    def of(self, params: Mapping[str, Any]) -> Array:
        """The units of one configuration, shape (parameters,)."""
        return np.array(
            [
                scale.unit(params[p.name]) if p.name in params else _INACTIVE
                for p, scale in zip(self._space.parameters, self._scales, strict=True)
            ]
        )

    def params(self, units: Array) -> Params:
        """The configuration of one row of units."""

        def value(parameter: Parameter) -> Value:
            at = self._index[parameter.name]
            return self._scales[at].value(float(units[at]))

        return self._space.draw(value)

    def snap(self, units: Array, within: Mapping[str, Any]) -> Array:
        """Rows of units, shape (n, parameters), as configurations have them, ``within`` given."""
        snapped = np.empty_like(units)
        for at, (parameter, scale) in enumerate(zip(self._space.parameters, self._scales, strict=True)):
            if parameter.name in within:
                snapped[:, at] = scale.unit(within[parameter.name])
            else:
                snapped[:, at] = scale.snap(units[:, at])
            if parameter.when:
                snapped[~self._active(parameter, snapped), at] = _INACTIVE
        return snapped

    def _active(self, parameter: Parameter, snapped: Array) -> NDArray[np.bool_]:
        """Where the conditions hold; their parameters stand before this one, and are snapped."""
        active = np.ones(len(snapped), dtype=bool)
        for condition in parameter.when:
            at = self._index[condition.parameter]
            parent, scale = self._space.parameters[at], self._scales[at]
            allowed = [scale.unit(value) for value in condition.allowed if parent.domain.contains(value)]
            active &= np.isclose(snapped[:, at, None], allowed, rtol=0, atol=1e-12).any(axis=1)
            active &= self._active(parent, snapped)
        return active

    def features(self, units: Array) -> Array:
        """What the model sees of rows of snapped units, shape (n, len(groups))."""
        return np.hstack([scale.features(units[:, at]) for at, scale in enumerate(self._scales)])

    def resampled(self, at: int) -> bool:
        """Whether a neighbour in parameter ``at`` is any other value: a choice without an order."""
        return self._scales[at].width > 1


class _Line:
    """A continuous range, linear or logarithmic."""

    width = 1

    def __init__(self, domain: Float) -> None:
        self._domain = domain
        self._low, self._high = _ends(domain.low, domain.high, domain.log)

    def unit(self, value: Any) -> float:
        place = math.log(value) if self._domain.log else value
        return min(max((place - self._low) / (self._high - self._low), 0.0), 1.0)

    def value(self, unit: float) -> Value:
        place = self._low + unit * (self._high - self._low)
        return self._domain.nearest(math.exp(place) if self._domain.log else place)

    def snap(self, units: Array) -> Array:
        return np.clip(units, 0.0, 1.0)

    def features(self, units: Array) -> Array:
        return units[:, None]


class _Steps(_Line):
    """A stepped range, or integers: each value stands in the middle of its cell, which is as wide as the
    share of the space's own draws that it gets.
    """

    def __init__(self, domain: Float | Integer) -> None:
        self._domain = domain  # type: ignore[assignment]  # both have what is used here
        half = 0.5 * (domain.step or 1)
        self._low, self._high = _ends(float(domain.low) - half, float(domain.last) + half, domain.log)

    def snap(self, units: Array) -> Array:
        places = self._low + np.clip(units, 0.0, 1.0) * (self._high - self._low)
        values = np.exp(places) if self._domain.log else places
        step = self._domain.step or 1
        low, last = float(self._domain.low), float(self._domain.last)
        values = np.clip(low + np.round((values - low) / step) * step, low, last)
        places = np.log(values) if self._domain.log else values
        snapped: Array = (places - self._low) / (self._high - self._low)
        return snapped


class _Cells:
    """Values that are listed: each stands in the middle of a cell, in this order."""

    width = 1

    def __init__(self, values: Sequence[Value]) -> None:
        self._values = values
        self._index = {identity(value): index for index, value in enumerate(values)}

    def unit(self, value: Value) -> float:
        return (self._index[identity(value)] + 0.5) / len(self._values)

    def value(self, unit: float) -> Value:
        return self._values[int(self._cell(np.array([unit]))[0])]

    def snap(self, units: Array) -> Array:
        middles: Array = (self._cell(units) + 0.5) / len(self._values)
        return middles

    def features(self, units: Array) -> Array:
        return units[:, None]

    def _cell(self, units: Array) -> NDArray[np.int_]:
        return np.minimum(
            np.floor(np.clip(units, 0.0, 1.0) * len(self._values)), len(self._values) - 1
        ).astype(int)


class _Labels(_Cells):
    """A choice without an order: any two values are 1 apart."""

    def __init__(self, values: Sequence[Value]) -> None:
        super().__init__(values)
        self.width = max(len(values), 2)  # a single one is no parameter with an order either

    def features(self, units: Array) -> Array:
        one_hot: Array = np.eye(self.width)[self._cell(units)] * math.sqrt(0.5)
        return one_hot


_Scale = _Line | _Cells


def _scale(domain: Float | Integer | Choice) -> _Scale:
    if isinstance(domain, Choice):
        numbers = [value for value in domain.values if isinstance(value, int | float)]
        ordered = len({*numbers}) == len(domain.values) > 2 and bool not in map(type, numbers)
        return _Cells(sorted(numbers)) if ordered else _Labels(domain.values)
    if isinstance(domain, Integer) or domain.step is not None:
        return _Steps(domain)
    return _Line(domain)


def _ends(low: float, high: float, log: bool) -> tuple[float, float]:
    return (math.log(low), math.log(high)) if log else (low, high)
