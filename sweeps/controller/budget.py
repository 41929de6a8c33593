"""The sweep's budget: totals over every run of it, resumed ones included."""

from __future__ import annotations

import time as system
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Clock:
    """``time`` says when (seconds since the epoch), ``monotonic`` how long; virtual in simulations."""

    time: Callable[[], float] = system.time
    monotonic: Callable[[], float] = system.monotonic


@dataclass(slots=True)
class Stopwatch:
    """Wall time this sweep has used: ``before`` in earlier runs, and since this one began."""

    clock: Clock
    before: float = 0.0
    _begun: float = field(init=False)

    def __post_init__(self) -> None:
        self._begun = self.clock.monotonic()

    def elapsed(self) -> float:
        return self.before + self.clock.monotonic() - self._begun
