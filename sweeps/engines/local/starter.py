"""How the ranks of a trial come to be: on this machine they are forked from their leader.

Ranks elsewhere need another `Starter`, and nothing else: two stream sockets to each are all a leader knows.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from sweeps.engines.base import Ranks
from sweeps.engines.local.link import Place, Plan
from sweeps.engines.local.supervisor import supervise

_HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Started:
    """A rank that has been started.

    ``link`` leads to it, and ``control`` to its supervisor, as a worker's do to a driver. ``plan`` is what it
    is to be told first.
    """

    link: socket.socket
    control: socket.socket
    plan: Plan


class Starter(Protocol):
    """Starts the ranks of a trial."""

    @property
    def size(self) -> int:
        """How many there are."""

    def start(self, rank: int) -> Started:
        """Start one, 0 <= rank < size; called once for each, in order."""


class LocalStarter:
    """Forks ranks from this process, which has one thread and has imported nothing of the user's."""

    def __init__(
        self, plan: Plan, ranks: Ranks, driver: socket.socket, work: Callable[[socket.socket], None]
    ) -> None:
        """``plan`` is the whole trial's; ``work`` is run in each rank, which lets go of ``driver``."""
        self.size = ranks.size
        self._plan = plan
        self._backend = ranks.backend or ("gloo" if plan.device == "cpu" else "nccl")
        self._work = work
        self._listener = socket.create_server((_HOST, 0))
        self._ours = [driver]  # what no rank is to hold

    def start(self, rank: int) -> Started:
        link, its_link = socket.socketpair()
        control, its_control = socket.socketpair()
        self._ours += [link, control]
        plan = self._plan_of(rank)
        if os.fork() == 0:
            for end in self._ours if rank == 0 else [*self._ours, self._listener]:
                end.close()
            supervise(its_link, its_control, self._work)
            os._exit(0)
        its_link.close()
        its_control.close()
        return Started(link, control, plan)

    def _plan_of(self, rank: int) -> Plan:
        plan = self._plan
        listener = self._listener.fileno() if rank == 0 else None
        port = self._listener.getsockname()[1]
        place = Place(rank, self.size, rank, self.size, self._backend, _HOST, port, listener)
        gpus = len(plan.visible.split(",")) // self.size
        return replace(
            plan,
            device="cpu" if plan.device == "cpu" else f"cuda:{rank * gpus}",
            cpus=max(1, plan.cpus // self.size),
            ranks=None,
            place=place,
        )
