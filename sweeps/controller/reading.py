"""What of a report decides, and is kept in the study; everything else is for the tables."""

from __future__ import annotations

import math
from collections.abc import Mapping

from sweeps.spec import SweepSpec
from sweeps.study import Further


class Reading:
    """Takes the metrics of a report apart, as ``spec`` has them."""

    def __init__(self, spec: SweepSpec) -> None:
        self.goal = spec.metric.goal
        self._leading = spec.metric.name
        self._watched = spec.watched
        self._limits = spec.limits

    def value(self, metrics: Mapping[str, float]) -> float:
        """The leading metric."""
        return metrics[self._leading]

    def further(self, metrics: Mapping[str, float]) -> Further | None:
        """What is kept besides; None where the sweep asks for one metric alone."""
        if not self._watched and not self._limits:
            return None
        kept = {name: metrics[name] for name in self._watched}
        return Further(kept, tuple(limit.excess(metrics) for limit in self._limits))

    def wrong(self, metrics: Mapping[str, float]) -> str | None:
        """The name of the first of these metrics that is missing or no finite number, if any."""
        names = (self._leading, *self._watched)
        return next((name for name in names if not math.isfinite(metrics.get(name, math.nan))), None)
