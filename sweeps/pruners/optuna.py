"""Optuna's pruners behind our interface: they read the study's own trials at each report."""

from __future__ import annotations

import copy
from collections.abc import Iterable

import optuna
from optuna.pruners import BasePruner
from optuna.samplers import RandomSampler

from sweeps.study.quiet import quiet
from sweeps.study.record import TrialRecord
from sweeps.study.store import StudyStore


class OptunaPruner:
    """Asks ``pruner`` with the trial as the study holds it. Its state, if any, is in the study.

    A report costs what ``pruner`` makes it cost, which for most of them grows with the number of trials.
    """

    def __init__(self, name: str, pruner: BasePruner, store: StudyStore) -> None:
        self.name = name
        self._pruner = pruner
        self._store = store
        self._study = optuna.study.Study(store.name, store.storage, RandomSampler(seed=0), pruner)

    def report(self, trial: int, epoch: int, best: float) -> bool:
        seen = copy.copy(self._store.trial(trial))
        # A trial that was interrupted may have got further before.
        seen.intermediate_values = {e: v for e, v in seen.intermediate_values.items() if e <= epoch}
        with quiet():
            return self._pruner.prune(self._study, seen)

    def ended(self, record: TrialRecord) -> None:
        """Nothing to do: the study tells."""

    def replay(self, records: Iterable[TrialRecord]) -> None:
        """Nothing to do: the study tells."""
