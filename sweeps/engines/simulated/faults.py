"""What goes wrong on simulated machines: crashes, slow workers, machines that go. Each draw has a seed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from sweeps.engines.base import Simulation
from sweeps.seeding import generator

_CRASH, _SLOW, _LOSS = range(3)
_FAULTS = 4  # the last of four keys sets these draws apart from a sweep's own


@dataclass(frozen=True, slots=True)
class Faults:
    """The faults of one simulation; what happens depends on its seed and on nothing else."""

    simulation: Simulation

    def crash(self, number: int, attempt: int, first: int) -> int | None:
        """The epoch in which an attempt that begins with epoch ``first`` dies, if it comes so far."""
        if not self.simulation.crash:
            return None
        rng = generator(self.simulation.seed, _CRASH, number, attempt, _FAULTS)
        return first - 1 + int(rng.geometric(self.simulation.crash))

    def slowdown(self, worker: int) -> float:
        """How much longer everything takes on a worker."""
        if not self.simulation.stragglers:
            return 1.0
        rng = generator(self.simulation.seed, _SLOW, worker, 0, _FAULTS)
        return self.simulation.slowdown if rng.random() < self.simulation.stragglers else 1.0

    def losses(self, node: int) -> Iterator[float]:
        """When the machines in the place of ``node`` are lost, in seconds from the sweep's beginning."""
        mean, time = self.simulation.node_life, 0.0
        if mean is None:
            return
        for which in itertools.count():
            time += float(generator(self.simulation.seed, _LOSS, node, which, _FAULTS).exponential(mean))
            yield time
