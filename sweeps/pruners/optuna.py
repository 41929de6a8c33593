"""Optuna's pruners behind our interface: they read the study's own trials at each report."""

from __future__ import annotations

import copy
from collections.abc import Container, Iterable, Sequence
from typing import Any, cast

import optuna
from optuna.pruners import BasePruner
from optuna.samplers import RandomSampler
from optuna.storages import BaseStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

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
        storage = cast(BaseStorage, _Leading(store.storage))
        self._study = optuna.study.Study(store.name, storage, RandomSampler(seed=0), pruner)

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


class _Leading:
    """The study's storage as one of its leading objective alone: Optuna's pruners refuse any other."""

    def __init__(self, storage: BaseStorage) -> None:
        self._storage = storage

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        return self._storage.get_study_directions(study_id)[:1]

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> Sequence[FrozenTrial]:
        trials = self._storage.get_all_trials(study_id, deepcopy, states)
        several = len(self._storage.get_study_directions(study_id)) > 1
        return [_led(trial) for trial in trials] if several else trials

    def get_best_trial(self, study_id: int) -> FrozenTrial:
        if len(self._storage.get_study_directions(study_id)) == 1:
            return self._storage.get_best_trial(study_id)
        trials = self.get_all_trials(study_id, deepcopy=False, states=(TrialState.COMPLETE,))
        if not trials:
            raise ValueError("No trials are completed yet.")  # as Optuna does, and its pruners expect
        maximize = self.get_study_directions(study_id) == [StudyDirection.MAXIMIZE]
        return (max if maximize else min)(trials, key=lambda trial: trial.values[0])


def _led(trial: FrozenTrial) -> FrozenTrial:
    led = copy.copy(trial)
    led.values = None if trial.values is None else trial.values[:1]
    return led
