"""The median stopping rule, and percentiles like it, as incremental structures.

Golovin et al., "Google Vizier: A Service for Black-Box Optimization", KDD 2017 (section 3.2.2), in the form
of Optuna's `MedianPruner` and `PercentilePruner`, whose decisions these take: a trial's best so far against
the best-so-far curves of the COMPLETE trials, which stand at every epoch after their last with their best.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from itertools import accumulate

from sweeps.components import check_least
from sweeps.errors import UsageError
from sweeps.messages import Goal
from sweeps.study.record import TrialRecord


class Percentile:
    """Prunes a trial whose best so far is worse than a percentile of the COMPLETE trials' at that epoch.

    Only COMPLETE trials are compared with, so the more is pruned, the fewer they are. A report costs O(1),
    the end of a trial O(log n) an epoch; a COMPLETE trial takes 8 bytes an epoch.

    Args:
        epochs: the sweep's epochs.
        percentile: from 0 to 100; the best so many percent go on.
        n_startup_trials: nothing is pruned before so many trials are COMPLETE, >= 0.
        n_warmup_steps: nothing is pruned before this epoch, >= 0.
        interval_steps: a trial is looked at every so many epochs, counted from ``n_warmup_steps``, or at its
            first report after that; >= 1.
        n_min_trials: nothing is pruned at an epoch that fewer COMPLETE trials have a value at, >= 1.

    Raises:
        UsageError: an argument outside its range.
    """

    name = "percentile"

    def __init__(
        self,
        *,
        goal: Goal,
        epochs: int,
        percentile: float,
        n_startup_trials: int = 5,
        n_warmup_steps: int = 0,
        interval_steps: int = 1,
        n_min_trials: int = 1,
    ) -> None:
        if not 0 <= percentile <= 100:
            raise UsageError(f"percentile must be from 0 to 100, not {percentile}")
        check_least(0, n_startup_trials=n_startup_trials, n_warmup_steps=n_warmup_steps)
        check_least(1, interval_steps=interval_steps, n_min_trials=n_min_trials)
        self._minimize = goal == "minimize"
        self._percentile = percentile if self._minimize else 100 - percentile
        self._n_startup_trials = n_startup_trials
        self._n_warmup_steps = n_warmup_steps
        self._interval_steps = interval_steps
        self._n_min_trials = n_min_trials
        self._complete = 0
        self._values = [array("d") for _ in range(epochs)]  # by epoch, sorted; nobody is asked at the last
        self._reported: dict[int, list[int]] = {}  # trial -> its epochs, sorted, where an interval asks

    def report(self, trial: int, epoch: int, best: float) -> bool:
        if not self._is_due(trial, epoch) or self._complete < self._n_startup_trials:
            return False
        values = self._values[epoch]
        if len(values) < self._n_min_trials:
            return False
        bar = percentile_of(values, self._percentile)
        prunes = best > bar if self._minimize else best < bar
        if prunes:
            self._reported.pop(trial, None)
        return prunes

    def _is_due(self, trial: int, epoch: int) -> bool:
        """Whether this is the trial's first report since the latest epoch at which it is to be looked at."""
        if self._interval_steps == 1:
            return epoch >= self._n_warmup_steps
        before = self._enter(trial, epoch)
        passed = epoch - self._n_warmup_steps
        return passed >= 0 and before < epoch - passed % self._interval_steps

    def _enter(self, trial: int, epoch: int) -> int:
        """Note the report; returns the trial's latest epoch before it, of any attempt, or -1."""
        epochs = self._reported.setdefault(trial, [])
        place = bisect_left(epochs, epoch)
        if epochs[place : place + 1] != [epoch]:
            epochs.insert(place, epoch)
        return epochs[place - 1] if place else -1

    def ended(self, record: TrialRecord) -> None:
        self._reported.pop(record.number, None)
        if record.state != "COMPLETE":
            return
        self._complete += 1
        for epoch, value in self._curve(record):
            insort(self._values[epoch], value)

    def replay(self, records: Iterable[TrialRecord]) -> None:
        for record in records:
            if record.state == "COMPLETE":
                self._complete += 1
                for epoch, value in self._curve(record):
                    self._values[epoch].append(value)
            elif self._interval_steps > 1 and not record.ended:
                self._reported[record.number] = sorted(record.values)
        self._values = [array("d", sorted(values)) for values in self._values]

    def _curve(self, record: TrialRecord) -> Iterable[tuple[int, float]]:
        """(epoch, best so far) at the trial's epochs, and at all later ones but the sweep's last."""
        reported = sorted(record.values)
        best = min if self._minimize else max
        curve = dict(zip(reported, accumulate((record.values[e] for e in reported), best), strict=True))
        if reported:
            last = reported[-1]
            curve |= dict.fromkeys(range(last + 1, len(self._values)), curve[last])
        return ((epoch, value) for epoch, value in curve.items() if epoch < len(self._values))


class Median(Percentile):
    """`Percentile` at 50; the options are the same.

    Raises:
        UsageError: an argument outside its range.
    """

    name = "median"

    def __init__(
        self,
        *,
        goal: Goal,
        epochs: int,
        n_startup_trials: int = 5,
        n_warmup_steps: int = 0,
        interval_steps: int = 1,
        n_min_trials: int = 1,
    ) -> None:
        super().__init__(
            goal=goal,
            epochs=epochs,
            percentile=50.0,
            n_startup_trials=n_startup_trials,
            n_warmup_steps=n_warmup_steps,
            interval_steps=interval_steps,
            n_min_trials=n_min_trials,
        )


def percentile_of(values: Sequence[float], percentile: float) -> float:
    """The ``percentile`` (0 to 100) of sorted ``values``, at least one, between the two nearest of them.

    Definition 7 of Hyndman and Fan, "Sample Quantiles in Statistical Packages", 1996, to the last bit as
    numpy has it: the difference is taken from the nearer value.
    """
    place = (len(values) - 1) * (percentile / 100)
    below = math.floor(place)
    low, high = values[below], values[min(below + 1, len(values) - 1)]
    share = place - below
    return low + (high - low) * share if share < 0.5 else high - (high - low) * (1 - share)
