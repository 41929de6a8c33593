"""Samplers that look at no result: random, grid and quasi-random points."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np

from sweeps.errors import UsageError
from sweeps.samplers.base import Draw, Proposal, Sampler
from sweeps.seeding import generator
from sweeps.space import Choice, Float, Integer, Parameter, Params, Space, Value


class RandomSampler(Sampler):
    """Independent uniform draws (log-uniform where the parameter says so)."""

    def __init__(self, *, space: Space, seed: int) -> None:
        self._space = space
        self._seed = seed

    def suggest(self, draw: Draw) -> Proposal:
        return Proposal(_uniform(self._space, draw, self._seed))


class GridSampler(Sampler):
    """Every configuration of a finite space once, in an order shuffled by the seed."""

    def __init__(self, *, space: Space, seed: int) -> None:
        self._configurations = list(space.configurations())
        self._order = generator(seed).permutation(len(self._configurations))
        self._space = space
        self._seed = seed

    def suggest(self, draw: Draw) -> Proposal:
        place = (draw.number + draw.redraw) % len(self._order)
        params = self._configurations[self._order[place]]
        if all(params.get(name) == value for name, value in draw.within.items()):
            return Proposal(dict(params))
        return Proposal(_uniform(self._space, draw, self._seed))


class QmcSampler(Sampler):
    """A low-discrepancy sequence over the space, one point a trial number.

    Owen-scrambled Sobol' points, or Halton's (Owen, "Scrambling Sobol' and Niederreiter-Xing points", 1998).
    Each parameter has a coordinate of its own; one that is inactive ignores it. A point that is turned down
    is replaced by a random one.

    Args:
        qmc_type: "sobol" or "halton".
        scramble: randomise the sequence by the seed.

    Raises:
        UsageError: another ``qmc_type``.
    """

    def __init__(
        self,
        *,
        space: Space,
        seed: int,
        qmc_type: str = "sobol",
        scramble: bool = True,
    ) -> None:
        check_qmc_type(qmc_type)
        self._space = space
        self._seed = seed
        self._kind: Literal["sobol", "halton"] = "halton" if qmc_type == "halton" else "sobol"
        self._scramble = scramble
        self._reset()

    def _reset(self) -> None:
        from scipy.stats import qmc  # half a second: only for those who ask for it

        engine = qmc.Sobol if self._kind == "sobol" else qmc.Halton
        self._engine = engine(len(self._space.parameters), scramble=self._scramble, rng=self._seed)
        self._next = 0

    def suggest(self, draw: Draw) -> Proposal:
        if draw.redraw:
            return Proposal(_uniform(self._space, draw, self._seed))
        point = dict(zip((p.name for p in self._space.parameters), self._point(draw.number), strict=True))
        return Proposal(
            self._space.draw(lambda p: given_or(p, draw, lambda: quantile(p.domain, point[p.name])))
        )

    def _point(self, index: int) -> np.ndarray[Any, np.dtype[np.float64]]:
        if index < self._next:
            self._reset()
        if index > self._next:  # SciPy refuses to go forward by nothing
            self._engine.fast_forward(index - self._next)
        self._next = index + 1
        point: np.ndarray[Any, np.dtype[np.float64]] = self._engine.random(1)[0]
        return point


def check_qmc_type(qmc_type: str) -> None:
    if qmc_type not in ("sobol", "halton"):
        raise UsageError(f"qmc_type must be sobol or halton, not {qmc_type!r}")


def quantile(domain: Float | Integer | Choice, u: float) -> Value:
    """The value of ``domain`` below which a share ``u`` in [0, 1) of its (log-)uniform draws lies."""
    if isinstance(domain, Choice):
        return domain.values[int(u * len(domain.values))]
    if isinstance(domain, Integer) and not domain.log:
        return domain.low + int(u * domain.count()) * domain.step
    if isinstance(domain, Integer):
        low, high = math.log(domain.low - 0.5), math.log(domain.high + 0.5)
        return min(max(round(math.exp(low + u * (high - low))), domain.low), domain.high)
    return _float_quantile(domain, u)


def _float_quantile(domain: Float, u: float) -> float:
    points = domain.count()
    if points is not None:
        return domain.nearest(domain.low + int(u * points) * (domain.step or 0.0))
    if domain.log:
        low, high = math.log(domain.low), math.log(domain.high)
        return domain.nearest(math.exp(low + u * (high - low)))
    return domain.low + u * (domain.high - domain.low)


def _uniform(space: Space, draw: Draw, seed: int) -> Params:
    rng = generator(seed, draw.number, draw.redraw)
    return space.draw(lambda p: given_or(p, draw, lambda: p.domain.sample(rng)))


def given_or(parameter: Parameter, draw: Draw, choose: Callable[[], Value]) -> Value:
    """What ``draw.within`` fixes for the parameter, else what ``choose`` says."""
    given: Mapping[str, Value] = draw.within
    return given[parameter.name] if parameter.name in given else choose()
