"""The time that a sweep's budget is counted in: the machine's, or a simulation's."""

from __future__ import annotations

import time as system
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """``time`` says when (seconds since the epoch), ``monotonic`` how long; virtual in simulations."""

    time: Callable[[], float] = system.time
    monotonic: Callable[[], float] = system.monotonic
