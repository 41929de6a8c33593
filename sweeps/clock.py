"""The time that a sweep's budget is counted in, the machine's or a simulation's, and what is left of it."""

from __future__ import annotations

import math
import time as system
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Clock:
    """``time`` says when (seconds since the epoch), ``monotonic`` how long; virtual in simulations."""

    time: Callable[[], float] = system.time
    monotonic: Callable[[], float] = system.monotonic


class TimeLeft(NamedTuple):
    """What is left of a sweep's time for a trial that starts now.

    Attributes:
        seconds: how long it may run, >= 0; infinite where nothing limits the sweep's time.
        share: of all of that time, from 1 to 0.
    """

    seconds: float = math.inf
    share: float = 1.0


UNLIMITED = TimeLeft()
