"""A configuration becomes a trial of the study, and a trial something that a worker can run."""

from __future__ import annotations

from collections.abc import Callable

from sweeps.controller.resume import clear_leftovers
from sweeps.messages import Exploit, TrialSpec
from sweeps.paths import RunPaths
from sweeps.samplers import Proposal
from sweeps.seeding import trial_seed
from sweeps.space.distributions import distribution, to_optuna
from sweeps.spec import SweepSpec
from sweeps.study import StudyStore, TrialRecord


class Entries:
    """Makes trials. ``source`` is the sha256 of the training function's source, ``now`` tells the time."""

    def __init__(
        self, spec: SweepSpec, paths: RunPaths, store: StudyStore, source: str, now: Callable[[], float]
    ) -> None:
        self._spec = spec
        self._paths = paths
        self._store = store
        self._source = source
        self._now = now
        self._watched = spec.watched
        self._distributions = {p.name: distribution(p.domain) for p in spec.space.parameters}
        self._domains = {p.name: p.domain for p in spec.space.parameters}

    def enter(self, number: int, proposal: Proposal, worker: str) -> TrialRecord:
        """A new trial, RUNNING, in the study."""
        params = dict(proposal.params)
        record = TrialRecord(number, params, worker=worker, started=self._now(), source=self._source)
        clear_leftovers(self._paths.trial(number).directory)
        stored = {name: to_optuna(self._domains[name], value) for name, value in params.items()}
        distributions = {name: self._distributions[name] for name in params}
        self._store.enter(record, stored, distributions, proposal.attributes)
        return record

    def restart(self, record: TrialRecord, worker: str) -> None:
        """A further attempt of a trial, RUNNING, in the study."""
        record.state, record.stop_reason, record.error = "RUNNING", None, None
        record.attempt += 1
        record.worker = worker
        if not record.values:
            record.source = self._source
        self._store.restart(record)

    def spec_of(self, record: TrialRecord, pause_at: int | None, exploit: Exploit | None) -> TrialSpec:
        """The latest attempt of a trial, for a worker."""
        return TrialSpec(
            number=record.number,
            attempt=record.attempt,
            config=self._spec.space.config(record.params),
            seed=trial_seed(self._spec.seed, record.number),
            epochs=self._spec.epochs,
            metric=self._spec.metric.name,
            goal=self._spec.metric.goal,
            directory=self._paths.trial(record.number).directory,
            pause_at=pause_at,
            besides=self._watched,
            exploit=exploit,
        )
