"""What goes wrong on simulated machines: crashes, slow workers, nodes that go. Each draw has a seed."""

from __future__ import annotations

from dataclasses import dataclass

from sweeps.engines.base import Simulation
from sweeps.seeding import generator

_CRASH, _SLOW, _LOSS = range(3)  # keys that keep these draws apart


@dataclass(frozen=True, slots=True)
class Faults:
    """The faults of one simulation; what happens depends on its seed and on nothing else."""

    simulation: Simulation
    seed: int

    def crash_in(self, number: int, attempt: int, epochs: int) -> int | None:
        """The epoch (1, 2, ...) in which an attempt's process dies, if within ``epochs``."""
        if not self.simulation.crash:
            return None
        epoch = int(generator(self.seed, number, attempt, _CRASH).geometric(self.simulation.crash))
        return epoch if epoch <= epochs else None

    def slowdown(self, worker: int) -> float:
        """How much longer everything takes on a worker."""
        if not self.simulation.stragglers:
            return 1.0
        slow = generator(self.seed, worker, _SLOW).random() < self.simulation.stragglers
        return self.simulation.slowdown if slow else 1.0

    def life(self, node: int, which: int) -> float | None:
        """Seconds until machine ``which`` (0, 1, ...) in the place of ``node`` is lost; None for never."""
        mean = self.simulation.node_life
        return None if mean is None else float(generator(self.seed, node, which, _LOSS).exponential(mean))
