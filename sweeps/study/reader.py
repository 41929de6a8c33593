"""Reading a study without the right to write: no lock, and also while its sweep runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import optuna
from optuna.storages import BaseStorage, JournalStorage

from sweeps.errors import CorruptStudyError
from sweeps.messages import Goal
from sweeps.paths import RunPaths
from sweeps.study.checked import replayed
from sweeps.study.database import open_database
from sweeps.study.journal import ReadOnlyBackend
from sweeps.study.lock import is_locked
from sweeps.study.record import TrialRecord
from sweeps.study.store import stored_records, study_attributes, study_name
from sweeps.study.whole import ended_trials, refuse_lost
from sweeps.urls import require_database

STOPPED = ("interrupted", "breaker", "disk")  # reasons for which a sweep ends before it is done


def read_records(paths: RunPaths, name: str, goal: Goal, url: str | None = None) -> list[TrialRecord]:
    """Every trial of the folder's study, by number; none if the sweep has not begun.

    A trial that a dead driver left RUNNING is INTERRUPTED: nobody runs it.

    Raises:
        CorruptStudyError: the study does not read back.
    """
    ended = ended_trials(paths)
    found = find_stored(paths, name, url)
    records = stored_records(*found, goal)[1] if found else None
    refuse_lost(paths, ended, records, url)
    return as_shown(paths, records or [])


def as_shown(paths: RunPaths, records: Sequence[TrialRecord]) -> list[TrialRecord]:
    """``records`` in the states that readers see: nobody runs what a dead driver left RUNNING."""
    if is_locked(paths.lock):
        return [*records]
    return [_left(record) if record.state == "RUNNING" else record for record in records]


def _left(record: TrialRecord) -> TrialRecord:
    return replace(record, state="INTERRUPTED", stop_reason="interrupted")


def read_stored(paths: RunPaths, name: str, goal: Goal, url: str | None = None) -> list[TrialRecord]:
    """As `read_records`, but in the states that are written, and whatever is lost: a dead driver's trials are
    RUNNING.
    """
    found = find_stored(paths, name, url)
    if found is None:
        return []
    _, records = stored_records(*found, goal)
    return records


def read_end(paths: RunPaths, name: str, url: str | None = None) -> str | None:
    """Why the sweep is done: "budget.trials" or another part of its budget, "space exhausted"; None if it is
    not.
    """
    reason = read_reason(paths, name, url)
    return None if reason in STOPPED else reason


def read_reason(paths: RunPaths, name: str, url: str | None = None) -> str | None:
    """Why the last run ended, as `read_end` or one of `STOPPED`; None while it runs, and after a kill."""
    found = find_stored(paths, name, url)
    return study_attributes(*found).get("ended") if found else None


def find_stored(paths: RunPaths, name: str, url: str | None) -> tuple[BaseStorage, int] | None:
    """The storage, opened for reading, and the study's id in it; None if the sweep has not begun."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    journal = paths.current(paths.journal)
    if not url and not journal.exists():
        return None
    if url:
        require_database(url)
    name = study_name(paths, name, url)
    log = None if url else ReadOnlyBackend(journal)
    with replayed(log):
        storage = JournalStorage(log) if log else open_database(str(url), to_write=False)
        studies = {study.study_name: study._study_id for study in storage.get_all_studies()}
    if name not in studies:
        if not url and studies:
            raise CorruptStudyError(
                f"the study must be named {name!r} as in the results folder's resolved.yaml, and it is not: "
                "restore study.journal and resolved.yaml from the same backup"
            )
        return None
    study_attributes(storage, studies[name])  # refuses what a newer version wrote
    return storage, studies[name]
