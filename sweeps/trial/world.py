"""The processes that run one trial together, the ranks of torch.distributed: what they tell each other.

Rank 0 alone talks to the controller and writes the trial's files; what it reads or hears, it passes on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sweeps.errors import TrialError
from sweeps.trial.checkpoint import State, deserialise, serialise


class World(Protocol):
    """The ranks, seen from one of them."""

    @property
    def rank(self) -> int:
        """This one, 0 <= rank < size."""

    @property
    def size(self) -> int:
        """How many there are."""

    def share(self, point: str, data: bytes) -> list[bytes | None]:
        """Wait until every rank is at ``point``; returns what each gave, None for one that has returned.

        Raises TrialError if ranks wait at different points.
        """


class Alone:
    """One process, as without torch.distributed."""

    rank = 0
    size = 1

    def share(self, point: str, data: bytes) -> list[bytes | None]:
        return [data]


ALONE = Alone()


def of_first(world: World, point: str, data: bytes) -> bytes:
    """What rank 0 gave at ``point``; raises TrialError if it has returned from the training function."""
    first = world.share(point, data)[0]
    if first is None:
        raise TrialError(
            f"rank 0 has returned from the training function, and rank {world.rank} waits for it in {point}: "
            "all ranks must train and report the same epochs"
        )
    return first


def state_of_first(world: World, point: str, read: Callable[[], State | None]) -> State | None:
    """What ``read`` gives in rank 0: the files may be on another machine."""
    if world.size == 1:
        return read()
    state = read() if world.rank == 0 else None
    data = of_first(world, point, b"" if state is None else bytes(serialise(state)))
    return deserialise(data, "the state of rank 0") if data else None
