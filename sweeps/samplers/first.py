"""Given configurations before a sampler's own."""

from __future__ import annotations

from collections.abc import Sequence

from sweeps.samplers.base import Draw, Proposal, Sampler
from sweeps.seeding import generator
from sweeps.space import Parameter, Params, Space, Value
from sweeps.study.record import TrialRecord

_KEY = 4  # keeps these draws apart from the sweep's own


class FirstSampler(Sampler):
    """Proposes ``firsts``, one a trial, then what ``sampler`` does.

    Args:
        sampler: says also what a first configuration leaves open.
        space: the search space.
        firsts: values of some or all parameters, each of its domain.
        start: the number of the trial that gets the first of them.
        seed: of what is left open by both.
    """

    def __init__(
        self, sampler: Sampler, *, space: Space, firsts: Sequence[Params], start: int, seed: int
    ) -> None:
        self._sampler = sampler
        self._space = space
        self._firsts = firsts
        self._start = start
        self._seed = seed

    def suggest(self, draw: Draw) -> Proposal:
        place = draw.number - self._start
        if draw.redraw or not 0 <= place < len(self._firsts):
            return self._sampler.suggest(draw)
        first = self._firsts[place]
        if self._space.contains(first):
            return Proposal(dict(first))
        given = {**self._sampler.suggest(draw).params, **first, **draw.within}
        rng = generator(self._seed, draw.number, _KEY)

        def value(parameter: Parameter) -> Value:
            return given[parameter.name] if parameter.name in given else parameter.domain.sample(rng)

        return Proposal(self._space.draw(value))

    def observe(self, record: TrialRecord) -> None:
        self._sampler.observe(record)
