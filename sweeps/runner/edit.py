"""`sweep resume --edit`: a sweep goes on under a changed YAML, with the trials that are still inside.

The new study and the new files are written aside, into .edit/. Renaming that folder to edit/ is the moment
from which the edit stands: killed before it the sweep is as it was, killed after it whoever opens the folder
next puts the files in their places, and readers find them in edit/ meanwhile. What is replaced is kept under
the edit's number: study.journal.1, sweep.yaml.1, ...
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sweeps.controller import Edited
from sweeps.errors import RefusedError
from sweeps.paths import RunPaths, make_folder, numbered_path, replace_file, shown
from sweeps.runner.checks import with_absolute_storage
from sweeps.runner.folder import (
    EDITABLE,
    Manifest,
    changed_key,
    mixes_clocks,
    read_manifest,
    write_manifest,
)
from sweeps.spec import SweepSpec, load_spec, with_keep
from sweeps.study import TrialRecord, read_records, write_edited
from sweeps.study.store import database_name, study_names

_RULES = {
    "version": "the file format is that of the sweep",
    "name": "the name is that of the study",
    "train": "trials of two functions would not compare",
    "metric": "every trial was judged by the metric and its goal",
    "metric_constraints": "every trial was judged by them",
    "fixed": "every trial was given these values (to hold a parameter at one value: {values: [0.1]})",
    "seed": "every draw comes from the seed and the trial's number",
    "storage": "the study is there",
    "storage_path": "the trials' checkpoints are there",
    "warm_start": "what earlier sweeps tell was taken when the sweep began",
    "distributed": "every trial was trained by so many processes",
}


@dataclass(frozen=True, slots=True)
class Edit:
    """A changed YAML: ``before`` is what the folder holds, ``differences`` are lines as of `difference`."""

    before: SweepSpec
    after: SweepSpec
    differences: tuple[str, ...]


def read_edit(
    paths: RunPaths, before: SweepSpec, file: Path, overrides: Sequence[str] = ()
) -> tuple[SweepSpec, Edit | None]:
    """The spec of the changed ``file``, and the edit that makes the folder's of it; None if nothing differs.
    A simulated sweep stays one whatever engine the file names, as `sweep simulate` made it one.

    Raises:
        SpecError: the file has problems.
        RefusedError: it would change what the trials mean.
    """
    stays = ["engine=simulated"] if before.simulated else []
    after = with_keep(with_absolute_storage(load_spec(file, [*stays, *overrides])), before.keep)
    differences = tuple(before.difference(after))
    if not differences:
        return after, None
    records = read_records(paths, before.name, before.metric.goal, before.storage)
    rules = {line: _rule(line, before, after, records) for line in differences}
    told = "\n".join(f"    {line}   ({rule})" for line, rule in rules.items() if rule is not None)
    if told:
        raise RefusedError(
            f"{shown(paths.root)} cannot be edited like this:\n{told}\n"
            "Leave these as they were, or start anew under another name, or by "
            f"`{before.starter}` with --fresh."
        )
    return after, Edit(before, after, differences)


def _rule(difference: str, before: SweepSpec, after: SweepSpec, records: Sequence[TrialRecord]) -> str | None:
    """Why this line must not be; None if it may."""
    key = changed_key(difference)
    if mixes_clocks(difference):
        return "trials that were trained would not compare with simulated ones"
    if key == "epochs":
        most = max((record.epochs for record in records), default=0)
        return f"a trial has trained {most} of {before.epochs}" if most else None
    if key == "pruner" and records and _interval(before) != _interval(after):
        return "the trials of a population are compared at multiples of one interval, from the first on"
    if key in EDITABLE or (not records and key not in ("name", "storage", "warm_start")):
        return None
    return _RULES.get(key, "the trials would not compare")


def _interval(spec: SweepSpec) -> object:
    return spec.pruner.options["interval"] if spec.pruner.name == "pbt" else None


def apply_edit(paths: RunPaths, manifest: Manifest, edit: Edit) -> tuple[Manifest, Edited]:
    """Make the edit stand; the sweep's manifest from now on, and what happened."""
    before, after = edit.before, edit.after
    manifest = replace(manifest, edits=_next_number(paths, manifest, before))
    _discard(paths.staged_edit)
    make_folder(paths.staged_edit)
    staged = RunPaths(paths.staged_edit)
    write_edited(
        paths,
        before.name,
        before.objectives,
        after.space,
        url=before.storage,
        journal=staged.journal,
        new_name=database_name(before.name, manifest.id, manifest.edits),
        same_sampler=before.sampler == after.sampler,
    )
    replace_file(staged.sweep_yaml, after.source)
    replace_file(staged.resolved_yaml, after.resolved().encode())
    write_manifest(staged, manifest)
    for table in (paths.trials_parquet, paths.epochs_parquet):  # their stamp could be that of the new study
        table.unlink(missing_ok=True)
    paths.staged_edit.replace(paths.edit)
    settle_edit(paths)
    records = read_records(paths, after.name, after.metric.goal, after.storage)
    outside = tuple(record.number for record in records if record.outside)
    return manifest, Edited(time.time(), edit.differences, len(records) - len(outside), outside)


def _next_number(paths: RunPaths, manifest: Manifest, spec: SweepSpec) -> int:
    """One under which nothing is kept yet, be it that somebody has put an earlier state back. In a database a
    study may bear it that is a copy's of this folder, or what was written of an edit that was killed.
    """
    taken = study_names(spec.storage) if spec.storage else set()
    number = manifest.edits + 1
    while (
        any(numbered_path(path, number).exists() for path in (paths.resolved_yaml, paths.journal))
        or database_name(spec.name, manifest.id, number) in taken
    ):
        number += 1
    return number


def settle_edit(paths: RunPaths) -> None:
    """Put the files of an edit that stands in their places; throw away one that was only prepared."""
    _discard(paths.staged_edit)
    if not paths.edit.exists():
        return
    number = read_manifest(paths).edits
    # The manifest comes last: it has the number.
    for path in (paths.journal, paths.sweep_yaml, paths.resolved_yaml, paths.manifest):
        _put(paths.edit / path.name, path, number)
    paths.edit.rmdir()


def _put(new: Path, path: Path, number: int) -> None:
    """Put ``new`` in the place of ``path``, which is kept; done again where a kill came between."""
    backup = numbered_path(path, number)
    if not new.exists():
        return
    if path.exists() and not backup.exists():
        replace_file(backup, path.read_bytes())
    new.replace(path)


def _discard(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
