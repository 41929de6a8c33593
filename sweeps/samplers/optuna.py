"""Optuna's samplers behind our interface, so that a proposal turned down leaves no trial behind.

`study.ask()` numbers and stores a trial before it is sampled. Here the sampler meets a trial that is in no
storage: what it wants to keep with that trial is captured, and enters with the trial if it is accepted.
What Optuna would keep as a pickle is kept as data: see `sweeps.samplers.cma_state`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Container
from typing import Any, cast

import optuna
from optuna.distributions import BaseDistribution
from optuna.pruners import NopPruner
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from sweeps.samplers.base import Draw, Proposal, Sampler
from sweeps.samplers.cma_state import StoredTrials, without_pickles
from sweeps.samplers.native import given_or
from sweeps.samplers.shown import ShownTrials
from sweeps.seeding import derive
from sweeps.space import Parameter, Space, Value
from sweeps.space.distributions import distribution, from_optuna, to_optuna
from sweeps.study.quiet import quiet
from sweeps.study.store import StudyStore

_ASIDE = -1  # the id of the trial that is in no storage


class OptunaSampler(Sampler):
    """Draws with a fresh ``make(seed)`` each time: what Optuna's samplers learn is in the study."""

    def __init__(
        self,
        make: Callable[[int], BaseSampler],
        space: Space,
        seed: int,
        store: StudyStore,
        infeasible: Collection[str] = (),
    ) -> None:
        """``infeasible``: kinds of failures (stop reasons) that count as the worst objective so far."""
        self._make = make
        self._space = space
        self._seed = seed
        self._store = store
        self._distributions = {p.name: distribution(p.domain) for p in space.parameters}
        self._shown = ShownTrials(store.records, StoredTrials(), infeasible)

    def suggest(self, draw: Draw) -> Proposal:
        with quiet():
            sampler = self._make(derive(self._seed, draw.number, draw.redraw))
            return self._sample(sampler, draw)

    def _sample(self, sampler: BaseSampler, draw: Draw) -> Proposal:
        trial = _trial_aside(draw.number)
        storage = _StorageAside(self._store.storage, trial, self._shown)
        study = optuna.study.Study(self._store.name, cast(BaseStorage, storage), sampler, NopPruner())
        sampler.before_trial(study, trial)
        relative_space = sampler.infer_relative_search_space(study, trial)
        relative = sampler.sample_relative(study, trial, relative_space)

        def sampled(parameter: Parameter) -> Value:
            name, kind = parameter.name, self._distributions[parameter.name]
            if name in relative and _fits(kind, relative[name]):
                return from_optuna(parameter.domain, relative[name])
            stored = sampler.sample_independent(study, trial, name, kind)
            return from_optuna(parameter.domain, stored)

        def choose(parameter: Parameter) -> Value:
            name, domain = parameter.name, parameter.domain
            value = given_or(parameter, draw, lambda: sampled(parameter))
            trial.params = {**trial.params, name: to_optuna(domain, value)}
            trial.distributions = {**trial.distributions, name: self._distributions[name]}
            return value

        return Proposal(self._space.draw(choose), without_pickles(storage.captured))


def _fits(kind: BaseDistribution, value: Any) -> bool:
    return kind._contains(kind.to_internal_repr(value))


def _trial_aside(number: int) -> FrozenTrial:
    return FrozenTrial(
        number=number,
        trial_id=_ASIDE,
        state=TrialState.RUNNING,
        value=None,
        datetime_start=None,
        datetime_complete=None,
        params={},
        distributions={},
        user_attrs={},
        system_attrs={},
        intermediate_values={},
    )


class _StorageAside:
    """The study's storage, with one trial besides that only this object knows, and the others as `shown`."""

    def __init__(self, storage: BaseStorage, trial: FrozenTrial, shown: ShownTrials) -> None:
        self._storage = storage
        self._trial = trial
        self._shown = shown
        self.captured: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        if trial_id != _ASIDE:
            self._storage.set_trial_system_attr(trial_id, key, value)
            return
        self.captured[key] = value
        self._trial.system_attrs[key] = value

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        stored = self._storage.get_all_trials(study_id, deepcopy=False)
        trials = self._shown.all(stored, self._storage.get_study_directions(study_id))
        wanted = [trial for trial in trials if states is None or trial.state in states]
        return copy.deepcopy(wanted) if deepcopy else wanted

    def get_trial(self, trial_id: int) -> FrozenTrial:
        return self._trial if trial_id == _ASIDE else self._shown.one(self._storage.get_trial(trial_id))

    def get_trial_system_attrs(self, trial_id: int) -> dict[str, Any]:
        return self.get_trial(trial_id).system_attrs
