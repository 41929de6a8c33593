"""A configuration near another one: the explore step of population-based training."""

from __future__ import annotations

import numpy as np

from sweeps.pruners import Pbt
from sweeps.space import Choice, Float, Integer, Params, Space, Value

DRAWS = 32  # how often the constraints may turn a configuration down before it stays as it was


class Explorer:
    """Changes the parameters that ``pbt`` explores; all others stay."""

    def __init__(self, space: Space, pbt: Pbt) -> None:
        self._space = space
        self._pbt = pbt
        self._explored = frozenset(pbt.explored(space))

    def explore(self, params: Params, rng: np.random.Generator) -> Params:
        """A configuration of the space near ``params``; ``params`` where none is found that holds the
        constraints.
        """
        drawn = (self._change(params, rng) for _ in range(DRAWS))
        return next(filter(self._space.contains, drawn), dict(params))

    def _change(self, params: Params, rng: np.random.Generator) -> Params:
        changed = dict(params)
        for parameter in self._space.parameters:
            if parameter.name in self._explored and parameter.name in params:
                changed[parameter.name] = self._near(parameter.domain, params[parameter.name], rng)
        return changed

    def _near(self, domain: Float | Integer | Choice, value: Value, rng: np.random.Generator) -> Value:
        assert isinstance(domain, Float | Integer) and isinstance(value, int | float)  # checked with the YAML
        if rng.random() < self._pbt.resample:
            return domain.sample(rng)
        return moved(domain, value, self._pbt.perturb if rng.random() < 0.5 else -self._pbt.perturb)


def moved(domain: Float | Integer, value: float, share: float) -> float:
    """``value`` times 1 + ``share``, as the domain has it: clipped, and a step away at least.

    A factor is a shift of equal length anywhere on a logarithmic range. Zero, which no factor moves, is
    shifted by that share of the range instead.
    """
    shift = share * (value or domain.high - domain.low)
    near = domain.nearest(value + shift)
    if near == value and domain.step is not None:
        near = domain.nearest(value + (domain.step if shift > 0 else -domain.step))
    return near
