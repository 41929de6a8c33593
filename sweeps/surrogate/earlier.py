"""Earlier sweeps on overlapping spaces: what of them says something about this one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any

import numpy as np

from sweeps.messages import Goal
from sweeps.space import Params, Space
from sweeps.study.record import TrialRecord
from sweeps.surrogate.kernel import Array
from sweeps.surrogate.trials import of_first_configuration
from sweeps.surrogate.units import Units

_FIRSTS = 2  # configurations of earlier sweeps that are tried first, or one of each up to
_MOST_FIRSTS = 4
_NEXT = 0.05  # of a range: what is nearer in every parameter is next to another one


@dataclass(frozen=True, slots=True)
class EarlierTrial:
    """A trial of an earlier sweep: its first configuration, and objectives by epoch."""

    number: int
    params: Params
    values: Mapping[int, float]
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Earlier:
    """An earlier sweep, or what was taken of it.

    Attributes:
        folder: where it was read, as the YAML names it.
        epochs: its full training.
        searched: its parameters.
        fixed: the values that all its trials had.
        found: how many trials had reported when it was read.
        state: that of its model: see `CurveModel.restore`.
    """

    folder: str
    epochs: int
    searched: frozenset[str]
    fixed: Params
    trials: tuple[EarlierTrial, ...]
    found: int
    state: Mapping[str, Any]

    def within(self, space: Space) -> dict[int, Params]:
        """By number, the trials' values of parameters of ``space``; no trial that has one outside of it.

        A parameter that the earlier sweep did not have is left out: what it tells holds for all its values.
        """
        mapped = {trial.number: self._mapped(trial, space) for trial in self.trials}
        return {number: params for number, params in mapped.items() if params}

    def _mapped(self, trial: EarlierTrial, space: Space) -> Params | None:
        had = {**self.fixed, **trial.params}
        params: Params = {}
        for parameter in space.parameters:
            if not parameter.active(params):
                continue
            if parameter.name in had:
                value = parameter.domain.coerce(had[parameter.name])
                if not parameter.domain.contains(value):
                    return None
                params[parameter.name] = value
            elif parameter.name in self.searched:
                return None  # it took no part there, and does here
        return params


def earlier_trials(
    records: Sequence[TrialRecord], epochs: int, metric: str | None = None
) -> tuple[EarlierTrial, ...]:
    """Every one that has reported, up to ``epochs``; of a member of a population what its first configuration
    came to. ``metric`` is the further one that counts, where the leading one does not.
    """
    trials = [_of(record, epochs, metric) for record in records]
    return tuple(trial for trial in trials if trial.values)


def _of(record: TrialRecord, epochs: int, metric: str | None) -> EarlierTrial:
    values = of_first_configuration(record)
    if metric is not None:
        told = {epoch: further.metrics for epoch, further in record.further.items() if epoch in values}
        values = {epoch: metrics[metric] for epoch, metrics in told.items() if metric in metrics}
    values = {epoch: value for epoch, value in values.items() if epoch <= epochs}
    return EarlierTrial(record.number, record.params_at(1), values, record.state == "FAILED")


def best_of(earlier: Sequence[Earlier], space: Space, goal: Goal) -> list[Params]:
    """The configurations to try first: the best of every sweep in turn, two to four in all, none of them next
    to another one, as the best of a sweep often are.
    """
    most = min(max(_FIRSTS, len(earlier)), _MOST_FIRSTS)
    ranked = [_ranked(sweep, space, goal) for sweep in earlier]
    units, found, places = Units(space), list[Params](), list[Array]()
    for params in chain.from_iterable(zip_longest(*ranked)):
        if params and len(found) < most:
            place = units.features(units.of(params)[None, :])[0]
            if all(np.abs(place - other).max() > _NEXT for other in places):
                found.append(params)
                places.append(place)
    return found


def _ranked(sweep: Earlier, space: Space, goal: Goal) -> list[Params]:
    """The parameters within ``space`` of its trials that did not fail, best first."""
    within, sign = sweep.within(space), 1.0 if goal == "minimize" else -1.0
    trials = [trial for trial in sweep.trials if trial.number in within and not trial.failed]
    trials.sort(key=lambda trial: min(sign * value for value in trial.values.values()))
    return [within[trial.number] for trial in trials]
