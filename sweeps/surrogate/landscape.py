"""What an earlier sweep makes of this sweep's configurations: the *trend*.

An earlier sweep gets a model of its own, once; its trend becomes a regressor of this sweep's model: loss =
weight * trend + what this sweep alone can tell, with a weight for each earlier sweep. All of it stays a
Gaussian process (Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, section 2.7: fixed
basis functions under a Gaussian prior of their weights). The weights are integrated out: expected to be some
half before anything is seen, they follow from how well trend and losses agree. An earlier sweep of no use
costs one degree of freedom; its points and hyperparameters are none of this sweep's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sweeps.messages import Goal, State
from sweeps.seeding import generator
from sweeps.space import Space
from sweeps.study.record import TrialRecord
from sweeps.surrogate.earlier import Earlier
from sweeps.surrogate.kernel import Array
from sweeps.surrogate.model import CurveModel

_POINTS = 400  # of all earlier sweeps together
_LEAST = 20  # of each
_REFERENCE = 128  # configurations from whose mean the trend is counted


def points_each(sweeps: int) -> int:
    """How many points of each of so many earlier sweeps are looked at."""
    return max(_LEAST, _POINTS // max(1, sweeps))


class Landscape:
    """The trend of one earlier sweep, from at most ``most`` points of its curves.

    Args:
        earlier: the sweep, of which at least one trial is within the space.
        space: this sweep's.
        goal: the better direction, which is that of both.
    """

    def __init__(self, earlier: Earlier, space: Space, goal: Goal, most: int) -> None:
        self._earlier = earlier
        self._space = space
        self._goal = goal
        self._most = most
        self._levels: dict[float, float] = {}

    def __call__(self, features: Array, times: Array) -> Array:
        """The trend of features (n, columns) at ``times`` (n,), less its mean over the space then: (n,)."""
        levels = np.array([self._level(time) for time in times.tolist()])
        trend: Array = self._at(features, times) - levels
        return trend

    def _level(self, time: float) -> float:
        if time not in self._levels:
            times = np.full(len(self._reference), time)
            self._levels[time] = float(self._at(self._reference, times).mean())
        return self._levels[time]

    def _at(self, features: Array, times: Array) -> Array:
        if len(self._unknown):
            features = features.copy()
            features[:, self._unknown] = self._neutral
        return self._model.landscape(features, times)

    def condensed(self) -> Earlier:
        """The earlier sweep with no more than what the trend rests on."""
        by_number = {trial.number: trial for trial in self._earlier.trials}
        kept: dict[int, dict[int, float]] = {}
        for number, epoch, best in self._model.chosen:
            kept.setdefault(number, {})[epoch] = best
        trials = [replace(by_number[number], values=values) for number, values in kept.items()]
        return replace(self._earlier, trials=tuple(trials), state=self._model.state)

    @cached_property
    def _model(self) -> CurveModel:
        model = CurveModel(self._space, self._goal, self._earlier.epochs, most=self._most)
        model.restore(0, self._earlier.state)
        within = self._earlier.within(self._space)
        for trial in self._earlier.trials:
            if trial.number in within:
                state: State = "FAILED" if trial.failed else "COMPLETE"
                values = dict(trial.values)
                model.observe(TrialRecord(trial.number, within[trial.number], state, values=values))
        model.prepare()
        return model

    @cached_property
    def _unknown(self) -> NDArray[np.intp]:
        """The feature columns of parameters that the earlier sweep did not have."""
        known = {name for params in self._earlier.within(self._space).values() for name in params}
        without = [at for at, name in enumerate(self._space.names) if name not in known]
        return np.flatnonzero(np.isin(self._model.units.groups, without))

    @cached_property
    def _neutral(self) -> Array:
        """What its model has seen in those columns."""
        units = self._model.units
        seen: Array = units.features(units.of({})[None, :])[0, self._unknown]
        return seen

    @cached_property
    def _reference(self) -> Array:
        units = self._model.units
        rows = generator(0).random((_REFERENCE, len(units)))
        return units.features(units.snap(rows, {}))


def landscapes(earlier: Sequence[Earlier], space: Space, goal: Goal) -> list[Landscape]:
    """Of each earlier sweep that has a trial within ``space``."""
    inside = [sweep for sweep in earlier if sweep.within(space)]
    return [Landscape(sweep, space, goal, points_each(len(inside))) for sweep in inside]
