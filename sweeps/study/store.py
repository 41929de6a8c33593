"""The one home of Optuna's study: the controller writes through it, and nobody else writes at all.

A trial enters as one record, `storage.create_new_trial(template)` in state RUNNING. What Optuna has no field
for stands in two user attributes: `params` (real values by name; Optuna's own parameters hold a choice's
index) and `sweeps` (state, attempt, stop_reason, seconds, ...), which is written first and therefore leads:
a crash between it and Optuna's own state is repaired when the study is opened. `source` and, after an edit,
`outside` are attributes of their own; what is outside is a FAIL without parameters to Optuna, so that its
samplers and pruners do not look at it. Epochs go through the storage, not `Trial.report`, because a re-run
epoch must overwrite its value. Where there are several metrics, or constraints on them, what an epoch told
of those is an attribute of the trial: `further.7`. What a population decides stands in attributes of the
study: see `sweeps.study.generations`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.storages import BaseStorage, JournalStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from sweeps.errors import CorruptStudyError, RefusedError
from sweeps.messages import Goal
from sweeps.paths import RunPaths, shown
from sweeps.strictjson import parse_object
from sweeps.study.checked import (
    attributes_of,
    checked_further,
    checked_progress,
    checked_source,
    replayed,
)
from sweeps.study.database import open_database
from sweeps.study.generations import PREFIX, Generation, apply_generations
from sweeps.study.journal import SingleWriterBackend
from sweeps.study.objectives import Objectives
from sweeps.study.record import Further, TrialRecord, best_of
from sweeps.study.states import STATES
from sweeps.study.whole import ended_trials, refuse_lost

if TYPE_CHECKING:
    from collections.abc import Sequence

STUDY_VERSION = 2
OPTUNA_STATES = {word: state for state, word in STATES.items()}
_FURTHER = "further."
_ALONE: Mapping[str, Goal] = MappingProxyType({})
_ATTRIBUTES = ("state", "attempt", "worker", "started", "seconds", "stop_reason", "error", "failures")


class StudyStore:
    """A study opened for writing by its one driver.

    ``records`` are the trials found at opening, by number. ``elapsed`` is the wall time in seconds
    that earlier runs of this sweep have used, ``gpu_seconds`` are GPUs times seconds.
    """

    eager = True  # whether `sync` is done at once; a simulation, which can be run again, need not wait for it

    def __init__(
        self,
        storage: BaseStorage,
        study_id: int,
        objectives: Objectives,
        journal: SingleWriterBackend | None,
    ) -> None:
        self.storage = storage
        self._objectives = objectives
        self._study_id = study_id
        self._journal = journal
        trials, self.records = stored_records(storage, study_id, objectives.goal)
        self._ids = [trial._trial_id for trial in trials]
        progress = study_attributes(storage, study_id)
        self.elapsed = float(progress.get("elapsed", 0.0))
        self.gpu_seconds = float(progress.get("gpu_seconds", 0.0))

    @classmethod
    def open(
        cls,
        paths: RunPaths,
        name: str,
        goal: Goal,
        url: str | None = None,
        further: Mapping[str, Goal] = _ALONE,
    ) -> StudyStore:
        """Open the folder's study, or create it. In a database it bears `study_name`. ``further`` are the
        goals of the objectives besides the leading one.

        Raises:
            CorruptStudyError: it does not read back.
            UsageError: ``url`` cannot be opened.
        """
        name = study_name(paths, name, url)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        ended = ended_trials(paths)
        journal = None if url else SingleWriterBackend(paths.journal)
        with replayed(journal):
            storage = JournalStorage(journal) if journal else open_database(str(url))
            study_id = find_study(storage, name)
        objectives = Objectives(goal, dict(further))
        store = None if study_id is None else cls(storage, study_id, objectives, journal)
        refuse_lost(paths, ended, store.records if store else None, url)
        if store is None:
            return cls(storage, create_study(storage, name, objectives.goals), objectives, journal)
        store._repair()
        return store

    def _repair(self) -> None:
        """Catch up with attributes whose state a crash kept from being written."""
        trials = self.storage.get_all_trials(self._study_id, deepcopy=False)
        for trial, record in zip(trials, self.records, strict=True):
            if not record.outside and record.state != STATES[trial.state]:
                self._write_state(record)

    @property
    def name(self) -> str:
        return self.storage.get_study_name_from_id(self._study_id)

    def enter(
        self,
        record: TrialRecord,
        params: Mapping[str, Any],
        distributions: Mapping[str, BaseDistribution],
        attributes: Mapping[str, Any],
    ) -> None:
        """Add the trial, RUNNING, as one record. ``params`` are in Optuna's terms (choices by index)."""
        template = FrozenTrial(
            number=-1,  # the storage numbers it
            trial_id=-1,
            state=TrialState.RUNNING,
            value=None,
            values=None,
            datetime_start=datetime.fromtimestamp(record.started, tz=UTC),
            datetime_complete=None,
            params=dict(params),
            distributions=dict(distributions),
            user_attrs={
                "params": dict(record.params),
                "sweeps": stored_attributes(record),
                "source": record.source,
            },
            system_attrs=dict(attributes),
            intermediate_values={},
        )
        self._ids.append(self.storage.create_new_trial(self._study_id, template))

    def trial(self, number: int) -> FrozenTrial:
        """Optuna's own view of a trial, for its pruners; not a copy."""
        return self.storage.get_trial(self._ids[number])

    def transaction(self) -> AbstractContextManager[None]:
        """Keep what the block writes together: in the journal a kill leaves all of it or nothing."""
        return self._journal.transaction() if self._journal else nullcontext()

    def write_epoch(self, number: int, epoch: int, value: float, further: Further | None = None) -> None:
        if further is not None:  # first, so that it is there wherever the objective is
            kept = {"metrics": dict(further.metrics), "excess": list(further.excess)}
            self.storage.set_trial_user_attr(self._ids[number], f"{_FURTHER}{epoch}", kept)
        self.storage.set_trial_intermediate_value(self._ids[number], epoch, value)

    def write_decision(self, record: TrialRecord) -> None:
        """Keep a Stop before it is sent, so that a crash cannot turn it into Continue."""
        self._write_attributes(record)

    def requeue(self, record: TrialRecord) -> None:
        """RUNNING -> WAITING: interrupted, paused, or waiting for its retry."""
        self._write_attributes(record)
        self._write_state(record)

    def restart(self, record: TrialRecord) -> None:
        """WAITING -> RUNNING: a further attempt of the same number."""
        self._write_attributes(record)
        if self.trial(record.number).user_attrs.get("source") != record.source:
            self._write_source(record)
        self.storage.set_trial_state_values(self._ids[record.number], TrialState.RUNNING)

    def finish(self, record: TrialRecord) -> None:
        """Write the final state. `sync` puts it on the disk."""
        self._write_attributes(record)
        self._write_state(record)

    def write_generation(self, generation: Generation) -> None:
        """Keep what a generation of a population decided, and put it on the disk before it is acted on."""
        value = generation.merged(self.storage.get_study_user_attrs(self._study_id))
        self.storage.set_study_user_attr(self._study_id, f"{PREFIX}{generation.epoch}", value)
        self.sync()

    def write_progress(self, elapsed: float, gpu_seconds: float, ended: str | None = None) -> None:
        """The time used, in seconds, and why the sweep ended if it has."""
        used = {"elapsed": round(elapsed, 3), "gpu_seconds": round(gpu_seconds, 3)}
        attributes = {"version": STUDY_VERSION, **used, "ended": ended}
        self.storage.set_study_user_attr(self._study_id, "sweeps", attributes)

    def upgrade(self, source: str) -> None:
        """Bring a study of version 1 up to this one; ``source`` is what its trials were started under.

        It stands once in the study, since trials that have ended take no further attribute.
        """
        attributes = dict(study_attributes(self.storage, self._study_id))
        with self.transaction():
            self.storage.set_study_user_attr(self._study_id, "source", source)
            version = {"version": STUDY_VERSION}
            self.storage.set_study_user_attr(self._study_id, "sweeps", attributes | version)
        self.sync()

    def sync(self) -> None:
        """Put every record on the disk, or, where that is not ``eager``, at most once a second."""
        if self._journal and self.eager:
            self._journal.sync()
        else:
            self.sync_if_due()

    def sync_if_due(self) -> None:
        if self._journal:
            self._journal.sync_if_due()

    def close(self) -> None:
        if self._journal:
            self._journal.close()
        else:
            self.storage.remove_session()

    def _write_state(self, record: TrialRecord) -> None:
        values = stored_values(record, self._objectives)
        self.storage.set_trial_state_values(self._ids[record.number], OPTUNA_STATES[record.state], values)

    def _write_attributes(self, record: TrialRecord) -> None:
        self.storage.set_trial_user_attr(self._ids[record.number], "sweeps", stored_attributes(record))

    def _write_source(self, record: TrialRecord) -> None:
        self.storage.set_trial_user_attr(self._ids[record.number], "source", record.source)


def stored_values(record: TrialRecord, objectives: Objectives) -> list[float] | None:
    """What Optuna gets to know of the trial's end."""
    return objectives.values(record) if record.state in ("COMPLETE", "PRUNED") else None


def stored_attributes(record: TrialRecord) -> dict[str, Any]:
    attributes = {key: getattr(record, key) for key in _ATTRIBUTES}
    seconds = round(record.seconds, 6)
    return attributes | {"seconds": seconds, "failures": dict(record.failures), "epochs": record.epochs}


def stored_records(
    storage: BaseStorage, study_id: int, goal: Goal
) -> tuple[Sequence[FrozenTrial], list[TrialRecord]]:
    """All trials by number: as Optuna has them, and in the tables' words.

    Raises:
        CorruptStudyError: they are not what this package writes.
    """
    with replayed():
        trials = storage.get_all_trials(study_id, deepcopy=False)
        records = [_record_of(trial, number, goal) for number, trial in enumerate(trials)]
        attributes = storage.get_study_user_attrs(study_id)
        for record in records:
            record.source = record.source or checked_source(attributes)
        apply_generations(attributes, records)
    return trials, records


def _record_of(trial: FrozenTrial, number: int, goal: Goal) -> TrialRecord:
    attributes = attributes_of(trial, number)
    record = TrialRecord(trial.number, dict(trial.user_attrs["params"]))
    for key in _ATTRIBUTES:
        setattr(record, key, attributes[key])
    record.failures = dict(record.failures)
    record.source = checked_source(trial.user_attrs)
    record.outside = trial.user_attrs.get("outside", False)
    # An attempt that restarted may have ended before epochs that an earlier one had reached.
    last = attributes["epochs"] if record.ended or record.stop_reason else math.inf
    record.values = {epoch: v for epoch, v in trial.intermediate_values.items() if epoch <= last}
    further = checked_further(trial, _FURTHER, number)
    record.further = {epoch: further[epoch] for epoch in record.values if epoch in further}
    if record.values:
        record.value, record.best_epoch = best_of(record.values, goal)
    return record


def study_name(paths: RunPaths, name: str, url: str | None) -> str:
    """The study's name: the sweep's, and in a database, which many folders may share, the folder's id too.

    Raises:
        CorruptStudyError: the folder's manifest does not say its id.
    """
    if url is None:
        return name
    try:
        manifest = parse_object(paths.current(paths.manifest).read_bytes())
        return database_name(name, manifest["id"], manifest.get("edits", 0))
    except (OSError, ValueError, KeyError) as error:
        raise CorruptStudyError(
            f"{shown(paths.manifest)} must hold the id of the folder, and does not: restore it from a backup"
        ) from error


def database_name(name: str, folder_id: str, edits: int) -> str:
    """The name in a database of the study of a folder that was edited so many times."""
    return f"{name}-{folder_id}" + (f".{edits}" if edits else "")


def study_attributes(storage: BaseStorage, study_id: int) -> Mapping[str, Any]:
    """The study's own attributes.

    Raises:
        RefusedError: a newer version of this package wrote it.
    """
    attributes = checked_progress(storage.get_study_user_attrs(study_id).get("sweeps", {}))
    version = attributes.get("version", STUDY_VERSION)
    if version > STUDY_VERSION:
        raise RefusedError(
            f"the study has format version {version}, and this sweeps reads up to {STUDY_VERSION}: "
            "upgrade sweeps"
        )
    return attributes


def find_study(storage: BaseStorage, name: str) -> int | None:
    studies: Sequence[Any] = storage.get_all_studies()
    return next((study._study_id for study in studies if study.study_name == name), None)


def study_names(url: str) -> set[str]:
    """Of every study in the database, whoever wrote it. Raises as `open_database` does."""
    database = open_database(url)
    names = {study.study_name for study in database.get_all_studies()}
    database.remove_session()
    return names


def create_study(storage: BaseStorage, name: str, goals: Sequence[Goal]) -> int:
    directions = [
        StudyDirection.MINIMIZE if goal == "minimize" else StudyDirection.MAXIMIZE for goal in goals
    ]
    study_id = storage.create_new_study(directions, study_name=name)
    storage.set_study_user_attr(study_id, "sweeps", {"version": STUDY_VERSION, "elapsed": 0.0, "ended": None})
    return study_id
