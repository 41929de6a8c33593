"""How far a search is from the best known, in units of what random training is."""

from __future__ import annotations

import bisect
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("best_known.json")
PER_WORKER = 10.0  # full trainings of a median configuration: the time that each worker has
AT = (0.1, 0.25, 0.5, 1.0)  # of that time
GRID = tuple(step / 40 for step in range(1, 41))  # the shares of the time at which a search is looked at


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a problem, from far more configurations than a search may try.

    Attributes:
        best: the least loss at any epoch.
        median: of random configurations' least losses.
        seconds: a full training takes, for the median of random configurations.
    """

    best: float
    median: float
    seconds: float

    @property
    def budget(self) -> float:
        """The simulated seconds of a search, however many workers it has."""
        return PER_WORKER * self.seconds


@dataclass(frozen=True, slots=True)
class Trace:
    """When a search found better losses: seconds, rising, and the losses, falling."""

    seconds: Sequence[float]
    losses: Sequence[float]

    def best_at(self, second: float) -> float | None:
        """The least loss reported until then, if there is any."""
        place = bisect.bisect_right(self.seconds, second)
        return self.losses[place - 1] if place else None

    def on_grid(self, budget: float) -> list[float | None]:
        """The least loss at each share of ``budget`` seconds in GRID."""
        return [self.best_at(share * budget) for share in GRID]


def regret(best: float | None, known: Known) -> float:
    """(best so far - best known) / (median random training's best - best known).

    At most 1: before the first report, and where all are worse than a median training. Below 0 where the
    search beats the best known.
    """
    return 1.0 if best is None else min(1.0, (best - known.best) / (known.median - known.best))


def known(problem: str) -> Known:
    """Raises ValueError for a problem that has not been explored yet."""
    found = read_known().get(problem)
    if found is None:
        command = f"python -m benchmarks.search.best_known --tasks {problem}"
        raise ValueError(f"the best of {problem} is not known yet: {command}")
    return Known(found["best"], found["median"], found["seconds"])


def read_known() -> dict[str, dict]:
    return json.loads(FILE.read_text()) if FILE.exists() else {}
