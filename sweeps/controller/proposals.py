"""New configurations: enqueued ones first, then the sampler's, never one twice or outside the constraints."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

from sweeps.clock import UNLIMITED, TimeLeft
from sweeps.errors import UsageError
from sweeps.samplers import Draw, Proposal, Sampler
from sweeps.seeding import generator
from sweeps.space import Params, Space, identity
from sweeps.study import TrialRecord

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
        self._shuffled: list[Params] | None = None

    def visit(self, params: Params) -> None:
        """This configuration has its trial; it is not proposed again."""
        self._visited.add(self._space.key(params))

    def observe(self, record: TrialRecord) -> None:
        """A trial stands so now; samplers that learn do."""
        self._sampler.observe(record)

    @property
    def exhausted(self) -> bool:
        """Whether a finite space is fully visited."""
        return self._size is not None and len(self._visited) >= self._size

    def next(self, number: int, within: Mapping[str, Any], left: TimeLeft = UNLIMITED) -> Proposal | None:
        """A configuration for trial ``number``, which has the time ``left``; None when the space, or what is
        ``within``, has no more.

        Raises:
            UsageError: the constraints leave next to nothing of an infinite space.
        """
        queued = next((p for p in self._enqueue if self._admissible(p, within)), None)
        if queued is not None:
            return Proposal(dict(queued))
        if self.exhausted:
            return None
        for redraw in range(REDRAWS):
            proposal = self._sampler.suggest(Draw(number, redraw, within, left))
            if not isinstance(proposal, Proposal):  # a sampler of the user's
                raise UsageError(
                    "sampler: suggest(draw) must return sweeps.samplers.Proposal(params), and returned "
                    f"{type(proposal).__name__}: wrap the parameters"
                )
            if self._admissible(proposal.params, within):
                return proposal
        return self._choose_for_it(number, within)

    def _admissible(self, params: Params, within: Mapping[str, Any]) -> bool:
        fits = inside(params, within) and self._space.key(params) not in self._visited
        return fits and self._space.allows(params)

    def _choose_for_it(self, number: int, within: Mapping[str, Any]) -> Proposal | None:
        candidates = self._all() if self._size is not None else self._random(number)
        params = next((p for p in candidates if self._admissible(p, within)), None)
        if params is not None:
            return Proposal(params)
        if self._size is None and not within:
            raise constraints_leave_nothing()
        return None

    def _all(self) -> Iterable[Params]:
        """Every configuration of a finite space, in an order that depends on the seed alone."""
        if self._shuffled is None:
            configurations = list(self._space.configurations())
            order = generator(self._seed, REDRAWS).permutation(len(configurations))
            self._shuffled = [configurations[i] for i in order]
        # Visited ones are dropped for good, so that the search for the rest stays short.
        self._shuffled = [p for p in self._shuffled if self._space.key(p) not in self._visited]
        return self._shuffled

    def _random(self, number: int) -> Iterable[Params]:
        rng = generator(self._seed, number, REDRAWS)
        return (self._space.uniform(rng) for _ in range(UNIFORM_DRAWS))


def constraints_leave_nothing() -> UsageError:
    """What to say of an infinite space in which ``UNIFORM_DRAWS`` draws found nothing allowed."""
    return UsageError(
        f"constraints: at least one in {UNIFORM_DRAWS:,} random configurations must hold them, and none did: "
        "loosen them, or narrow the ranges to where they hold"
    )


def inside(params: Params, within: Mapping[str, Any]) -> bool:
    """Whether ``params`` have these values, types included (1, 1.0 and true are three)."""
    return all(name in params and identity(params[name]) == identity(value) for name, value in within.items())
