"""Optuna's samplers and pruners, through ``study.ask()``, ``trial.report`` and ``study.tell`` in memory.

All by default, but for two things its documentation asks for: constant_liar where trials run in parallel, and
Hyperband's max_resource. A trial's objective is its best epoch's, as everywhere here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.trial import Trial, TrialState

from benchmarks.search.problems import Problem
from benchmarks.search.space import Space, is_whole

optuna.logging.set_verbosity(optuna.logging.ERROR)


class OptunaMethod:
    """``name``: SAMPLER+PRUNER, such as tpe+median."""

    def __init__(self, name: str, searched: Problem, workers: int, seed: int) -> None:
        sampler, _, pruner = name.partition("+")
        self._study = optuna.create_study(
            sampler=_sampler(sampler, workers, seed), pruner=_pruner(pruner, searched.epochs)
        )
        self._distributions = distributions(searched.space)
        self._trials: dict[int, Trial] = {}
        self._best: dict[int, float] = {}

    def suggest(self, number: int) -> Mapping[str, Any]:
        trial = self._study.ask(self._distributions)
        self._trials[number] = trial
        return trial.params

    def report(self, number: int, epoch: int, loss: float) -> bool:
        trial = self._trials[number]
        trial.report(loss, epoch)
        self._best[number] = min(loss, self._best.get(number, loss))
        return trial.should_prune()

    def finish(self, number: int, complete: bool) -> None:
        trial, best = self._trials.pop(number), self._best.pop(number)
        if complete:
            self._study.tell(trial, best)
        else:
            self._study.tell(trial, state=TrialState.PRUNED)


def _sampler(name: str, workers: int, seed: int) -> BaseSampler:
    if name == "tpe":
        return optuna.samplers.TPESampler(seed=seed, constant_liar=workers > 1)
    if name == "gp":
        return optuna.samplers.GPSampler(seed=seed)
    if name == "random":
        return optuna.samplers.RandomSampler(seed=seed)
    raise ValueError(f"optuna: the sampler must be tpe, gp or random, not {name!r}")


def _pruner(name: str, epochs: int) -> BasePruner:
    if name == "none":
        return optuna.pruners.NopPruner()
    if name == "median":
        return optuna.pruners.MedianPruner()
    if name == "halving":
        return optuna.pruners.SuccessiveHalvingPruner()
    if name == "hyperband":
        return optuna.pruners.HyperbandPruner(max_resource=epochs)
    raise ValueError(f"optuna: the pruner must be none, median, halving or hyperband, not {name!r}")


def distributions(space: Space) -> dict[str, BaseDistribution]:
    return {name: _distribution(domain) for name, domain in space.items()}


def _distribution(domain: Mapping[str, Any]) -> BaseDistribution:
    if "values" in domain:
        return CategoricalDistribution(domain["values"])
    kind = IntDistribution if is_whole(domain) else FloatDistribution
    return kind(domain["min"], domain["max"], log=domain.get("log", False))
