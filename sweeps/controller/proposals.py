"""New configurations: enqueued ones first, then the sampler's, never one twice or outside the constraints."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

from sweeps.errors import UsageError
from sweeps.samplers import Draw, Proposal, Sampler
from sweeps.seeding import generator
from sweeps.space import Params, Space

REDRAWS = 32  # how often the sampler may repeat itself before we choose for it
UNIFORM_DRAWS = 20_000  # how sparse the constraints may leave an infinite space


class Proposals:
    """Draws for a trial number until a proposal is admissible. Nothing is stored for those that are not."""

    def __init__(self, space: Space, sampler: Sampler, enqueue: Sequence[Params], seed: int) -> None:
        self._space = space
        self._sampler = sampler
        self._enqueue = enqueue
        self._seed = seed
        self._size = space.size()
        self._visited: set[Hashable] = set()

    def visit(self, params: Params) -> None:
        """This configuration has its trial; it is not proposed again."""
        self._visited.add(self._space.key(params))

    @property
    def exhausted(self) -> bool:
        """Whether a finite space is fully visited."""
        return self._size is not None and len(self._visited) >= self._size

    def next(self, number: int, within: Mapping[str, Any]) -> Proposal | None:
        """A configuration for trial ``number``; None when the space (``within`` it) is fully visited.

        Raises:
            UsageError: the constraints leave next to nothing of an infinite space.
        """
        queued = self._queued(within)
        if queued is not None:
            return Proposal(dict(queued))
        if self.exhausted:
            return None
        for redraw in range(REDRAWS):
            proposal = self._sampler.suggest(Draw(number, redraw, within))
            if self._admissible(proposal.params):
                return proposal
        return self._choose_for_it(number, within)

    def _queued(self, within: Mapping[str, Any]) -> Params | None:
        open_ones = (p for p in self._enqueue if self._space.key(p) not in self._visited)
        return next((p for p in open_ones if _inside(p, within)), None)

    def _admissible(self, params: Params) -> bool:
        return self._space.key(params) not in self._visited and self._space.allows(params)

    def _choose_for_it(self, number: int, within: Mapping[str, Any]) -> Proposal | None:
        rng = generator(self._seed, number, REDRAWS)
        if self._size is not None:
            left = [p for p in self._space.configurations() if self._admissible(p) and _inside(p, within)]
            return Proposal(left[rng.integers(len(left))]) if left else None
        drawn: Iterable[Params] = (self._space.uniform(rng) for _ in range(UNIFORM_DRAWS))
        params = next((p for p in drawn if self._admissible(p) and _inside(p, within)), None)
        if params is None:
            raise UsageError(
                f"constraints: at least one in {UNIFORM_DRAWS:,} random configurations must satisfy them, "
                "and none did: loosen them, or narrow the ranges to where they hold"
            )
        return Proposal(params)


def _inside(params: Params, within: Mapping[str, Any]) -> bool:
    return all(params.get(name) == value for name, value in within.items())
