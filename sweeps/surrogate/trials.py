"""The trials that a model has been told of: their curves, which of them run, and which failed."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import numpy as np

from sweeps.study.record import TrialRecord
from sweeps.surrogate.curves import Curves
from sweeps.surrogate.kernel import Array
from sweeps.surrogate.units import Units


class Trials:
    """Takes in records as they grow.

    Args:
        units: of the search space.
        sign: -1 where greater objectives are better, else 1.
        infeasible: stop reasons of failed trials whose neighbourhood is to be avoided.

    Attributes:
        curves: of those that have reported, by number.
        running: features of those that have not ended, by number.
        infeasible: features of those that failed for such a reason, by number.
    """

    def __init__(self, units: Units, sign: float, infeasible: Collection[str] = ()) -> None:
        self._units = units
        self._sign = sign
        self._reasons = frozenset(infeasible)
        self.curves = Curves()
        self.running: dict[int, Array] = {}
        self.infeasible: dict[int, Array] = {}
        self._unable: set[int] = set()  # to win: they failed, or break a constraint on metrics now
        self._at: dict[int, Array] = {}  # units of every trial
        self._features: dict[int, Array] = {}
        self._leaders: list[tuple[float, int]] = []  # (loss, number) of the two best trials

    def observe(self, record: TrialRecord) -> bool:
        """Take in how a trial stands now; what was seen of it before is replaced where it differs. Returns
        whether it has reported.
        """
        number, features = record.number, self.features(record)
        if record.ended:
            self.running.pop(number, None)
        else:
            self.running[number] = features
        if record.state == "FAILED" and record.stop_reason in self._reasons:
            self.infeasible[number] = features
        if record.state == "FAILED" or not record.feasible:
            self._unable.add(number)
        else:
            self._unable.discard(number)
        if values := of_first_configuration(record):
            self.curves.read(number, features, values, self._sign)
            self._lead(number)
        return bool(values)

    def features(self, record: TrialRecord) -> Array:
        """Of a trial's first configuration: (columns,)."""
        number = record.number
        if number not in self._at:
            self._at[number] = self._units.of(record.params_at(1))
            self._features[number] = self._units.features(self._at[number][None, :])[0]
        return self._features[number]

    def _lead(self, number: int) -> None:
        """Keep the two best of the trials that are able to win."""
        now = (self.curves[number].losses[-1], number)
        before = next((leader for leader in self._leaders if leader[1] == number), None)
        able = number not in self._unable
        if before is not None and (not able or before < now):
            self._leaders = self._best_of_all(2)
        elif able:
            others = [leader for leader in self._leaders if leader[1] != number]
            self._leaders = sorted([*others, now])[:2]

    def _best_of_all(self, most: int) -> list[tuple[float, int]]:
        """(loss, number) of the best trials that are able to win, best first."""
        trials, _, losses = self.curves.ends
        able = ~np.isin(trials, list(self._unable))
        trials, losses = trials[able], losses[able]
        if len(losses) > most:
            near = losses <= np.partition(losses, most)[most]
            trials, losses = trials[near], losses[near]
        order = np.lexsort((trials, losses))[:most]
        return list(zip(losses[order].tolist(), trials[order].tolist(), strict=True))

    def best(self, but: int | None = None) -> float:
        """The best loss of all trials ``but`` one that are able to win; infinite if there is none."""
        return next((loss for loss, number in self._leaders if number != but), math.inf)

    def best_units(self, most: int) -> Array:
        """Units of the best trials so far, best first, shape (up to ``most``, parameters)."""
        return np.array([self._at[number] for _, number in self._best_of_all(most)])


def of_first_configuration(record: TrialRecord) -> Mapping[int, float]:
    """Objectives by epoch; of a member of a population those before it took over another one's state."""
    if not record.inherited:
        return record.values
    last = record.inherited[0].epoch
    return {epoch: value for epoch, value in record.values.items() if epoch <= last}
