"""The training function's source: trials are compared only under one code, unless the user says otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sweeps.errors import RefusedError
from sweeps.paths import RunPaths, shown
from sweeps.runner.folder import Manifest
from sweeps.spec import SweepSpec
from sweeps.study import TrialRecord, read_end, read_records
from sweeps.trial import source_hash

SHOWN = 12  # characters of a hash


def settle_source(
    paths: RunPaths, spec: SweepSpec, manifest: Manifest, *, edited: bool, allow: bool
) -> tuple[str, str | None]:
    """(the source to go on under, a note if it has changed); the manifest's where nothing is left to train.

    Trials that failed, or have not trained an epoch, are no reason to refuse: a bug was repaired.

    Raises:
        RefusedError: trials of another source would be compared with new ones, and not ``allow``.
    """
    source = source_hash(spec.code, [Path(place) for place in manifest.search_path])
    changed = source != manifest.source
    if not changed and not edited:
        return source, None
    records = read_records(paths, spec.name, spec.metric.goal, spec.storage)
    if not edited and _nothing_left(paths, spec, records):  # but a test that failed, say
        return manifest.source, None
    mixed = [record for record in records if _is_mixed(record, spec, source, changed)]
    if mixed and not allow:
        raise RefusedError(_refusal(paths, spec, mixed, manifest.source, source))
    return source, _note(spec, len(mixed)) if changed or mixed else None


def _nothing_left(paths: RunPaths, spec: SweepSpec, records: Sequence[TrialRecord]) -> bool:
    as_it_was = spec.resolved().encode() == paths.resolved_yaml.read_bytes()
    ended = as_it_was and all(record.ended for record in records)
    return ended and read_end(paths, spec.name, spec.storage) is not None


def _note(spec: SweepSpec, mixed: int) -> str:
    if not mixed:
        return f"{spec.code} has changed; no trial of its old source is compared with new ones"
    return (
        f"{spec.code} has changed: {mixed} trial(s) were started under another source, and are compared "
        "with the new ones (--allow-code-change); the column `source` tells them apart"
    )


def _is_mixed(record: TrialRecord, spec: SweepSpec, source: str, changed: bool) -> bool:
    """Whether going on would compare this trial with those of another source, unasked.

    Without a change that was settled before, save for a trial that an edit brings back into the space.
    """
    if record.source == source or not (changed or record.outside):
        return False
    counts = record.state in ("COMPLETE", "PRUNED") or (record.state != "FAILED" and bool(record.values))
    return counts and record.fits(spec.space)


def _refusal(paths: RunPaths, spec: SweepSpec, mixed: Sequence[TrialRecord], before: str, now: str) -> str:
    sources = dict.fromkeys((record.source or before)[:SHOWN] for record in mixed)
    return (
        f"the trials of a sweep are compared, so {spec.code} must stay as it is, and it has changed: "
        f"{len(mixed)} trial(s) of {shown(paths.root)} were trained under the source {', '.join(sources)}, "
        f"and now it is {now[:SHOWN]}. If the change does not matter to their results, say so: "
        f"--allow-code-change. Else undo it, or start anew: `{spec.starter}` with --fresh, or under another "
        "name."
    )
