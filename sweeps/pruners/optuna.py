"""Optuna's pruners behind our interface: they read the study's own trials at each report."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner
from optuna.samplers import RandomSampler

from sweeps.study.record import TrialRecord
from sweeps.study.store import StudyStore


class OptunaPruner:
    """Asks ``pruner`` with the trial as the study holds it. Its state, if any, is in the study."""

    def __init__(self, name: str, pruner: BasePruner, store: StudyStore) -> None:
        self.name = name
        self._pruner = pruner
        self._store = store
        self._study = optuna.study.Study(store.name, store.storage, RandomSampler(seed=0), pruner)

    def report(self, trial: int, epoch: int, best: float) -> bool:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            return self._pruner.prune(self._study, self._store.trial(trial))

    def ended(self, record: TrialRecord) -> None:
        pass

    def replay(self, records: Iterable[TrialRecord]) -> None:
        pass
