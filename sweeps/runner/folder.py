"""A sweep's results folder: what stands in it before the first trial, and whether it may go on."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sweeps.disk import full_disk
from sweeps.environment import describe
from sweeps.errors import CorruptStudyError, RefusedError, UsageError
from sweeps.paths import RunPaths, belongs_to_us, make_folder, replace_file, shown
from sweeps.refusals import is_limit
from sweeps.runner.trust import refuse_links
from sweeps.spec import SweepSpec, load_resolved, load_spec, with_keep
from sweeps.strictjson import parse_object
from sweeps.study import STUDY_VERSION, RunLock, holds_trials
from sweeps.trial import source_hash

# What a resumed sweep may change: totals and how it is run, never what its trials mean.
CHANGEABLE = (
    "budget", "workers", "timeout", "retries", "breaker", "canary", "quarantine", "resources", "isolation",
    "max_trials_per_worker", "engine", "export", "test", "keep",
)  # fmt: skip
# What an edit may change as well.
EDITABLE = (
    *CHANGEABLE, "parameters", "constraints", "enqueue", "sampler", "pruner", "early_stopping", "infeasible",
)  # fmt: skip

_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True, slots=True)
class Manifest:
    """How the sweep was started: enough to find its study and the user's code again."""

    version: int
    id: str  # tells this folder's study from those of other folders in one database
    search_path: tuple[str, ...]  # where modules are looked up, in order
    source: str  # sha256 of the training function's source files
    edits: int = 0  # how often the space was edited


def search_path(spec: SweepSpec) -> tuple[Path, ...]:
    """The working directory, then the YAML's folder."""
    return tuple(dict.fromkeys((Path.cwd(), spec.path.parent)))


def claim(paths: RunPaths, fresh: bool = False) -> RunLock:
    """Make the folder and take its lock; nothing else in it is read or written without.

    Args:
        fresh: first move what stands there aside.

    Raises:
        LockedError: another driver holds it.
        RefusedError: what is to be written there is a link that leads elsewhere.
        UsageError: the folder cannot be made.
        OSError: the disk is full, or no more files may be opened.
    """
    refuse_links(paths)
    try:
        if fresh and (is_sweep(paths) or has_begun(paths)):
            with RunLock(paths.lock):
                move_aside(paths)
        make_folder(paths.root)
        return RunLock(paths.lock).acquire()
    except OSError as error:
        if full_disk(error) is not None or is_limit(error):
            raise
        begun = "make it writable, or go on with a copy of it"
        fix = begun if is_sweep(paths) else "choose another with --results"
        raise UsageError(
            f"{shown(paths.root)}: results must go to a folder that can be written: {error.strerror}; {fix}"
        ) from error


def create_folder(paths: RunPaths, spec: SweepSpec, command: Sequence[str]) -> Manifest:
    """Write what a new sweep starts from. The resolved spec comes last: it marks the folder as a sweep's."""
    places = search_path(spec)
    folder_id, source = uuid.uuid4().hex[:12], source_hash(spec.code, places)
    manifest = Manifest(STUDY_VERSION, folder_id, tuple(map(str, places)), source)
    make_folder(paths.trials)
    for stale in (paths.journal, paths.events):
        stale.unlink(missing_ok=True)
    replace_file(paths.sweep_yaml, spec.source)
    replace_file(paths.env, json.dumps(describe(command), indent=2).encode())
    write_manifest(paths, manifest)
    replace_file(paths.resolved_yaml, spec.resolved().encode())
    return manifest


def write_manifest(paths: RunPaths, manifest: Manifest) -> None:
    replace_file(paths.manifest, json.dumps(asdict(manifest), indent=2).encode())


def read_folder(paths: RunPaths, overrides: Sequence[str] = ()) -> tuple[SweepSpec, Manifest]:
    """The spec and manifest of an existing sweep; ``overrides`` as for `load_spec`.

    Raises:
        UsageError: the folder holds no sweep.
        CorruptStudyError: its spec or manifest does not read back.
        RefusedError: an override would change what the finished trials mean, or a newer version wrote it.
    """
    if not is_sweep(paths) and not has_begun(paths):
        missing = paths.resolved_yaml.name
        raise UsageError(f"{shown(paths.root)}: no sweep in this folder (no {missing}): check the path")
    manifest = read_manifest(paths)
    resolved = paths.current(paths.resolved_yaml)
    before = load_resolved(paths)
    if not overrides:
        return before, manifest
    spec = with_keep(load_spec(resolved, overrides), before.keep)
    refuse_changes(before, [line for line in before.difference(spec) if not _changeable(line)], paths)
    return spec, manifest


def read_manifest(paths: RunPaths) -> Manifest:
    """The manifest of an existing sweep; raises as `read_folder` does."""
    try:
        data = parse_object(paths.current(paths.manifest).read_bytes())
        _check_manifest(data)
        places, edits = tuple(data["search_path"]), data.get("edits", 0)
        manifest = Manifest(data["version"], data["id"], places, data["source"], edits)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise CorruptStudyError(
            f"{shown(paths.manifest)} must hold what `sweep run` wrote there, and does not ({reason}): "
            "restore it from a backup"
        ) from error
    if manifest.version > STUDY_VERSION:
        raise RefusedError(
            f"{shown(paths.root)} has format version {manifest.version}, and this sweeps reads up to "
            f"{STUDY_VERSION}: upgrade sweeps"
        )
    return manifest


def _check_manifest(data: Mapping[str, Any]) -> None:
    """Its id becomes the name of a folder in a storage, its search path the place where code comes from."""
    if missing := [key for key in ("version", "id", "search_path", "source") if key not in data]:
        raise ValueError(f"{missing[0]} is missing")
    if not isinstance(data["search_path"], list):
        raise ValueError("its search_path is no list")
    texts = [data["id"], data["source"], *data["search_path"]]
    numbers = [data["version"], data.get("edits", 0)]
    if not all(type(number) is int and number >= 0 for number in numbers):
        raise ValueError("whole numbers are wanted")
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("texts are wanted")
    if not _ID.fullmatch(data["id"]):
        raise ValueError(f"its id is {data['id'][:40]!r}")


def is_sweep(paths: RunPaths) -> bool:
    """Whether the folder holds a sweep."""
    return paths.resolved_yaml.exists()


def recorded_places(paths: RunPaths, manifest: Manifest) -> Manifest:
    """``manifest`` without its search path where another user has made the folder."""
    return manifest if belongs_to_us(paths.root) else replace(manifest, search_path=())


def has_begun(paths: RunPaths) -> bool:
    """Whether a trial has started there: until then a corrected YAML may take the folder over."""
    return (paths.trials.is_dir() and any(paths.trials.iterdir())) or holds_trials(paths)


def refuse_changes(before: SweepSpec, differences: Sequence[str], paths: RunPaths) -> None:
    """Refuse to go on under a spec that differs from the one ``before``.

    Raises:
        RefusedError: there are differences.
    """
    if not differences:
        return
    folder = shown(paths.root)
    listed = "\n".join(f"    {line}" for line in differences)
    if all(map(_changeable, differences)):
        raise RefusedError(
            f"{folder} was last run with other settings than this file and command line give:\n{listed}\n"
            f"To go on with its own: sweep resume {folder}. To change them: the same with --set KEY=VALUE."
        )
    if any(map(mixes_clocks, differences)):
        raise RefusedError(
            f"{folder}: simulated trials and real ones must not mix, in their times or otherwise:\n{listed}\n"
            f"To go on with its own: sweep resume {folder}. To keep both: another folder, by --results, or "
            "another name. To start anew: --fresh (the old folder is moved aside)."
        )
    edited = (
        f" To go on under another space, sampler or pruner with the trials that fit: sweep resume {folder} "
        "--edit FILE."
    )
    raise RefusedError(
        f"{folder} was begun under another spec, which cannot be changed like this:\n{listed}\n"
        f"To go on with its own: sweep resume {folder}.{edited if all(map(_editable, differences)) else ''} "
        f"To start anew: another name, or `{before.starter}` with --fresh (the old folder is moved aside)."
    )


def _changeable(difference: str) -> bool:
    return changed_key(difference) in CHANGEABLE and not mixes_clocks(difference)


def _editable(difference: str) -> bool:
    return changed_key(difference) in EDITABLE


def changed_key(difference: str) -> str:
    """The key of the YAML's top level that a line of `SweepSpec.difference` is about."""
    return difference.split(":", 1)[0].split(".", 1)[0]


def mixes_clocks(difference: str) -> bool:
    """Whether a simulated sweep would go on for real, or a real one simulated: neither the times nor the
    trials would compare.
    """
    return difference.startswith("engine: ") and "simulated" in difference


def keep_changes(paths: RunPaths, spec: SweepSpec) -> None:
    """Make an extended sweep's spec the one it is resumed under from now on."""
    resolved = spec.resolved().encode()
    if resolved != paths.resolved_yaml.read_bytes():
        replace_file(paths.resolved_yaml, resolved)


def found_from_here(manifest: Manifest, places: Sequence[Path]) -> Manifest:
    """Look the user's code up in ``places`` first, then where it was found before."""
    whole = [*map(str, places), *manifest.search_path]
    return replace(manifest, search_path=tuple(dict.fromkeys(whole)))


def move_aside(paths: RunPaths) -> Path | None:
    """Rename an existing folder to name-YYYYmmdd-HHMMSS; returns where it went."""
    if not paths.root.exists():
        return None
    stamp = f"{paths.root.name}-{time.strftime('%Y%m%d-%H%M%S')}"
    names = (f"{stamp}{suffix}" for suffix in ("", *(f"-{n}" for n in range(2, 100))))
    aside = next(path for path in map(paths.root.with_name, names) if not path.exists())
    paths.root.rename(aside)
    return aside
