"""Optuna's pruners behind our interface: they read the study's own trials at each report."""

from __future__ import annotations

import copy
from collections.abc import Container, Iterable
from itertools import accumulate
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

    With ``epochs`` it sees every curve as best-so-far, and a COMPLETE trial standing at every later epoch up
    to that one with its best: what our own pruners compare.
    """

    def __init__(self, name: str, pruner: BasePruner, store: StudyStore, epochs: int | None = None) -> None:
        self.name = name
        self._pruner = pruner
        self._store = store
        storage = store.storage if epochs is None else cast(BaseStorage, _BestSoFar(store.storage, epochs))
        self._study = optuna.study.Study(store.name, storage, RandomSampler(seed=0), pruner)

    def report(self, trial: int, epoch: int, best: float) -> bool:
        seen = copy.copy(self._store.trial(trial))
        # A trial that was interrupted may have got further before.
        curve = {step: value for step, value in seen.intermediate_values.items() if step <= epoch}
        seen.intermediate_values = curve | {epoch: best} if self._compares_best else curve
        with quiet():
            return self._pruner.prune(self._study, seen)

    @property
    def _compares_best(self) -> bool:
        return isinstance(self._study._storage, _BestSoFar)

    def ended(self, record: TrialRecord) -> None:
        """Nothing to do: the study tells."""

    def replay(self, records: Iterable[TrialRecord]) -> None:
        """Nothing to do: the study tells."""


class _BestSoFar:
    """A storage whose curves are best-so-far, and those of COMPLETE trials as long as the sweep's epochs."""

    def __init__(self, storage: BaseStorage, epochs: int) -> None:
        self._storage = storage
        self._epochs = epochs
        self._ended: dict[int, FrozenTrial] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """As the storage's own; the trials are views that nobody may change."""
        best = min if self._storage.get_study_directions(study_id)[0] == StudyDirection.MINIMIZE else max
        trials = self._storage.get_all_trials(study_id, deepcopy=False, states=states)
        return [self._ended.get(trial._trial_id) or self._view(trial, best) for trial in trials]

    def _view(self, trial: FrozenTrial, best: Any) -> FrozenTrial:
        view = copy.copy(trial)
        steps = sorted(trial.intermediate_values)
        values = accumulate((trial.intermediate_values[step] for step in steps), best)
        curve = dict(zip(steps, values, strict=True))
        if trial.state == TrialState.COMPLETE and curve:
            curve |= dict.fromkeys(range(steps[-1] + 1, self._epochs + 1), curve[steps[-1]])
        view.intermediate_values = curve
        if trial.state.is_finished():
            self._ended[trial._trial_id] = view
        return view
