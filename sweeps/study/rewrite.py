"""A study written anew from another one: after an edit of its space, or as a backup.

Optuna takes no added choice and no toggled ``log`` within one study, so an edited sweep goes on in a new one.
Trials keep their numbers, states, attributes and curves. One that is inside the new space is stored in its
terms (a choice has another index, a range other bounds); one that is outside is a FAIL without parameters to
Optuna, which neither its samplers nor its pruners look at. What a sampler had kept with a trial is taken
along only where it still means the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import BaseStorage, JournalStorage
from optuna.trial import FrozenTrial, TrialState

from sweeps.messages import Goal
from sweeps.paths import RunPaths, replace_file
from sweeps.space import Space
from sweeps.space.distributions import distribution, to_optuna
from sweeps.study.database import open_database
from sweeps.study.journal import SingleWriterBackend
from sweeps.study.objectives import Objectives
from sweeps.study.reader import find_stored
from sweeps.study.record import TrialRecord
from sweeps.study.store import (
    OPTUNA_STATES,
    STUDY_VERSION,
    create_study,
    stored_attributes,
    stored_records,
    stored_values,
)

Rewrite = Callable[[FrozenTrial, TrialRecord], FrozenTrial]


def write_edited(
    paths: RunPaths,
    name: str,
    objectives: Objectives,
    space: Space,
    *,
    url: str | None,
    journal: Path,
    new_name: str,
    same_sampler: bool,
) -> None:
    """Write the study anew for ``space``: to a new file ``journal``, or in its database as ``new_name``.

    The study itself is left as it is. ``new_name`` is none of `study_names`. ``same_sampler``: the sampler
    and its options are what they were.

    Raises:
        CorruptStudyError: the study does not read back.
    """

    def rewritten(trial: FrozenTrial, record: TrialRecord) -> FrozenTrial:
        if not record.fits(space):
            return _outside(trial, record)
        return _inside(trial, record, space, same_sampler, stored_values(record, objectives))

    begun_anew = {"version": STUDY_VERSION, "ended": None}
    source = find_stored(paths, name, url)
    if url is None:
        backend = SingleWriterBackend(journal)
        with backend.transaction():
            _write(source, JournalStorage(backend), name, objectives, rewritten, begun_anew)
        backend.close()
        return
    database = open_database(url)
    _write(source, database, new_name, objectives, rewritten, begun_anew)
    database.remove_session()


def back_up(paths: RunPaths, name: str, goal: Goal, url: str | None, target: Path) -> None:
    """Keep the study as it is in ``target``, an Optuna journal also where the study is in a database."""
    if url is None:
        replace_file(target, paths.journal.read_bytes())
        return
    aside = target.with_name(f".{target.name}.tmp")
    aside.unlink(missing_ok=True)
    backend = SingleWriterBackend(aside)
    with backend.transaction():
        source, alone = find_stored(paths, name, url), Objectives(goal)
        _write(source, JournalStorage(backend), name, alone, lambda trial, _: trial, {})
    backend.close()
    aside.replace(target)


def _write(
    source: tuple[BaseStorage, int] | None,
    target: BaseStorage,
    name: str,
    objectives: Objectives,
    rewritten: Rewrite,
    own: Mapping[str, Any],
) -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study_id = create_study(target, name, objectives.goals)
    if source is None:
        return
    attributes = source[0].get_study_user_attrs(source[1])
    for trial, record in zip(*stored_records(*source, objectives.goal), strict=True):
        target.create_new_trial(study_id, rewritten(trial, record))
    # After the trials: a time that is over before a trial began would say that it began too late.
    ours = attributes.get("sweeps", {}) | own
    for key, value in (attributes | {"sweeps": ours}).items():
        target.set_study_user_attr(study_id, key, value)


def _inside(
    trial: FrozenTrial,
    record: TrialRecord,
    space: Space,
    same_sampler: bool,
    values: list[float] | None,
) -> FrozenTrial:
    record.outside = False
    params = record.params_at(1)
    domains = {parameter.name: parameter.domain for parameter in space.parameters}
    kinds = {name: distribution(domains[name]) for name in params}
    stored = {name: to_optuna(domains[name], value) for name, value in params.items()}
    learned = trial.system_attrs if same_sampler and trial.distributions == kinds else {}
    return _stored(trial, record, OPTUNA_STATES[record.state], stored, kinds, learned, values)


def _outside(trial: FrozenTrial, record: TrialRecord) -> FrozenTrial:
    record.outside = True
    if not record.ended:
        record.state, record.stop_reason = "PRUNED", "edited"
    return _stored(trial, record, TrialState.FAIL, {}, {}, {}, None)


def _stored(
    trial: FrozenTrial,
    record: TrialRecord,
    state: TrialState,
    params: dict[str, Any],
    kinds: dict[str, Any],
    system_attrs: dict[str, Any],
    values: list[float] | None,
) -> FrozenTrial:
    ended = state.is_finished()
    attributes = {"sweeps": stored_attributes(record), "source": record.source, "outside": record.outside}
    return FrozenTrial(
        number=-1,  # the storage numbers it
        trial_id=-1,
        state=state,
        value=None,
        values=values,
        datetime_start=trial.datetime_start,
        datetime_complete=(trial.datetime_complete or datetime.now(UTC)) if ended else None,
        params=params,
        distributions=kinds,
        user_attrs=trial.user_attrs | attributes,
        system_attrs=system_attrs,
        intermediate_values=trial.intermediate_values,
    )
