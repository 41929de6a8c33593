"""Syne Tune's schedulers, called as its Tuner calls them: suggest, on_trial_add, on_trial_result, ...

It runs in an interpreter that has Syne Tune: ``python -m benchmarks.search.drive_syne_tune METHOD PROBLEM
WORKERS SEED BUDGET`` prints the outcome as a line of JSON. All by default but for max_t.
"""

from __future__ import annotations

import json
import logging
import sys
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import numpy as np
from syne_tune.backend.trial_status import Trial
from syne_tune.config_space import choice, lograndint, loguniform, randint, uniform
from syne_tune.optimizer.baselines import ASHA, ASHABORE, ASHACQR, BOHB
from syne_tune.optimizer.scheduler import SchedulerDecision

from benchmarks.search.clock import Simulation
from benchmarks.search.problems import METRIC, Problem, problem
from benchmarks.search.space import Space, is_whole

_METHODS = {"asha": ASHA, "asha-cqr": ASHACQR, "asha-bore": ASHABORE, "bohb": BOHB}
_AGE = "epoch"


class SyneTuneMethod:
    def __init__(self, name: str, searched: Problem, seed: int) -> None:
        np.random.seed(seed)  # parts of it draw from there
        self._scheduler = _METHODS[name](
            domains(searched.space), metric=METRIC, time_attr=_AGE, max_t=searched.epochs, random_seed=seed
        )
        self._trials: dict[int, Trial] = {}

    def suggest(self, number: int) -> Mapping[str, Any]:
        config = self._scheduler.suggest().config
        self._trials[number] = Trial(trial_id=number, config=config, creation_time=datetime.now())
        self._scheduler.on_trial_add(self._trials[number])
        return config

    def report(self, number: int, epoch: int, loss: float) -> bool:
        decision = self._scheduler.on_trial_result(self._trials[number], {METRIC: loss, _AGE: epoch})
        return decision == SchedulerDecision.STOP

    def finish(self, number: int, complete: bool) -> None:
        self._scheduler.on_trial_remove(self._trials.pop(number))  # it says STOP to the last epoch too


def domains(space: Space) -> dict[str, Any]:
    return {name: _domain(domain) for name, domain in space.items()}


def _domain(domain: Mapping[str, Any]) -> Any:
    if "values" in domain:
        return choice(domain["values"])
    low, high, log = domain["min"], domain["max"], domain.get("log", False)
    if is_whole(domain):
        return lograndint(low, high) if log else randint(low, high)
    return loguniform(low, high) if log else uniform(low, high)


def main(name: str, searched: str, workers: str, seed: str, budget: str) -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    found = problem(searched)
    method = SyneTuneMethod(name, found, int(seed))
    print(json.dumps(asdict(Simulation(found, method, int(workers), float(budget)).run())))


if __name__ == "__main__":
    main(*sys.argv[1:])
