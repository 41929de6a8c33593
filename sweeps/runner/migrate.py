"""Folders of an older format, brought up to this one before anything else is written; readers read both.

Version 1 had no `source` of each trial and no `outside`. Its trials get the source that its manifest names.
"""

from __future__ import annotations

from dataclasses import replace

from sweeps.paths import RunPaths, numbered_path, replace_file, shown
from sweeps.runner.folder import Manifest, write_manifest
from sweeps.spec import SweepSpec
from sweeps.study import STUDY_VERSION, StudyStore, back_up


def migrate(paths: RunPaths, spec: SweepSpec, manifest: Manifest) -> tuple[str | None, Manifest]:
    """Bring an older folder up to `STUDY_VERSION`, after a backup: (a note if it was older, its manifest).

    ``spec`` is the one that the folder holds. Killed at any point, it is done again: the backups come first
    and are not written twice, the manifest's version last.
    """
    old = manifest.version
    if old >= STUDY_VERSION:
        return None, manifest
    journal, backup = (numbered_path(path, f"v{old}") for path in (paths.journal, paths.manifest))
    has_study = spec.storage is not None or paths.journal.exists()
    if has_study and not journal.exists():
        back_up(paths, spec.name, spec.metric.goal, spec.storage, journal)
    if not backup.exists():
        replace_file(backup, paths.manifest.read_bytes())
    store = StudyStore.open(paths, spec.name, spec.metric.goal, spec.storage)
    store.upgrade(manifest.source)
    store.close()
    manifest = replace(manifest, version=STUDY_VERSION)
    write_manifest(paths, manifest)
    kept = f"as it was it is kept as {journal.name} and {backup.name}"
    return f"{shown(paths.root)} was in format version {old}, and is now in {STUDY_VERSION}; {kept}", manifest
