"""Ray Tune's ASHAScheduler over random configurations; it decides itself, on trials made up here."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
from ray.tune.schedulers import ASHAScheduler, TrialScheduler

from benchmarks.search.problems import METRIC, Problem
from benchmarks.search.space import decode, rows

_AGE = "training_iteration"


class RayAsha:
    """By default but for max_t: one rung at 1, 4, 16, ... epochs, a quarter goes on."""

    def __init__(self, name: str, searched: Problem, workers: int, seed: int) -> None:
        if name != "asha":
            raise ValueError(f"ray: the method must be asha, not {name!r}")
        self._space = searched.space
        self._rng = np.random.default_rng(seed)
        self._scheduler = ASHAScheduler(time_attr=_AGE, metric=METRIC, mode="min", max_t=searched.epochs)
        self._trials: dict[int, SimpleNamespace] = {}

    def suggest(self, number: int) -> Mapping[str, Any]:
        self._trials[number] = SimpleNamespace(trial_id=str(number))
        self._scheduler.on_trial_add(None, self._trials[number])
        return rows(decode(self._space, self._rng.random((1, len(self._space)))))[0]

    def report(self, number: int, epoch: int, loss: float) -> bool:
        result = {_AGE: epoch, METRIC: loss}
        return self._scheduler.on_trial_result(None, self._trials[number], result) == TrialScheduler.STOP

    def finish(self, number: int, complete: bool) -> None:
        self._scheduler.on_trial_remove(None, self._trials.pop(number))
