"""A sweep's results folder: what stands in it before the first trial, and whether it may go on."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sweeps.environment import describe
from sweeps.errors import RefusedError, UsageError
from sweeps.paths import RunPaths, replace_file, shown
from sweeps.spec import SweepSpec, load_spec
from sweeps.trial import source_hash

# What a resumed sweep may change: totals and how it is run, never what its trials mean.
CHANGEABLE = (
    "budget", "workers", "timeout", "retries", "resources", "isolation", "max_trials_per_worker", "engine",
    "export", "test",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Manifest:
    """How the sweep was started: enough to find the user's code again."""

    version: int
    search_path: tuple[str, ...]  # where modules are looked up, in order
    source: str  # sha256 of the training function's source files


def search_path(spec: SweepSpec) -> tuple[Path, ...]:
    """The working directory, then the YAML's folder."""
    return tuple(dict.fromkeys((Path.cwd(), spec.path.parent)))


def create_folder(paths: RunPaths, spec: SweepSpec, command: Sequence[str]) -> Manifest:
    """Write what a new sweep starts from. The resolved spec comes last: it marks the folder as a sweep's."""
    places = search_path(spec)
    manifest = Manifest(1, tuple(map(str, places)), source_hash(spec.train, places))
    paths.root.mkdir(parents=True, exist_ok=True)
    paths.trials.mkdir(exist_ok=True)
    replace_file(paths.sweep_yaml, _encoded(spec.source))
    replace_file(paths.env, json.dumps(describe(command), indent=2).encode())
    replace_file(paths.manifest, json.dumps(asdict(manifest), indent=2).encode())
    replace_file(paths.resolved_yaml, spec.resolved().encode())
    return manifest


def _encoded(source: str | bytes) -> bytes:
    return source if isinstance(source, bytes) else source.encode()


def read_folder(paths: RunPaths, overrides: Sequence[str] = ()) -> tuple[SweepSpec, Manifest]:
    """The spec and manifest of an existing sweep; ``overrides`` as for `load_spec`.

    Raises:
        UsageError: the folder holds no sweep.
        RefusedError: an override would change what the finished trials mean.
    """
    if not is_sweep(paths):
        raise UsageError(
            f"{paths.root}: no sweep in this folder (no {paths.resolved_yaml.name}): check the path"
        )
    manifest = _manifest(json.loads(paths.manifest.read_bytes()))
    before = load_spec(paths.resolved_yaml)
    if not overrides:
        return before, manifest
    spec = load_spec(paths.resolved_yaml, overrides)
    refuse_changes([line for line in before.difference(spec) if not _changeable(line)], paths)
    return spec, manifest


def _manifest(data: dict[str, Any]) -> Manifest:
    return Manifest(data["version"], tuple(data["search_path"]), data["source"])


def is_sweep(paths: RunPaths) -> bool:
    return paths.resolved_yaml.exists()


def refuse_changes(differences: Sequence[str], paths: RunPaths) -> None:
    """Refuse to go on under another spec.

    Raises:
        RefusedError: there are differences.
    """
    if differences:
        listed = "\n".join(f"    {line}" for line in differences)
        raise RefusedError(
            f"{shown(paths.root)} was begun under another spec, and its trials would not compare:\n{listed}\n"
            f"To extend it: sweep resume {shown(paths.root)} --set budget.trials=N (also workers, timeout, "
            "retries). To start anew: --fresh (the old folder is moved aside), or another name."
        )


def _changeable(difference: str) -> bool:
    key = difference.split(":", 1)[0].split(".", 1)[0]
    return key in CHANGEABLE


def keep_changes(paths: RunPaths, spec: SweepSpec) -> None:
    """Make an extended sweep's spec the one it is resumed under from now on."""
    resolved = spec.resolved().encode()
    if resolved != paths.resolved_yaml.read_bytes():
        replace_file(paths.resolved_yaml, resolved)


def found_from_here(manifest: Manifest, spec: SweepSpec) -> Manifest:
    """Look the user's code up from where the command is given, then where it was found before."""
    places = [*map(str, search_path(spec)), *manifest.search_path]
    return replace(manifest, search_path=tuple(dict.fromkeys(places)))


def source_warning(paths: RunPaths, spec: SweepSpec, manifest: Manifest) -> str | None:
    """A warning where the training function is no longer the one the finished trials ran; told once."""
    places = [Path(place) for place in manifest.search_path]
    source = source_hash(spec.train, places)
    if source == manifest.source:
        return None
    changed = replace(manifest, source=source)
    replace_file(paths.manifest, json.dumps(asdict(changed), indent=2).encode())
    return (
        f"the source of {spec.train} has changed since this sweep's earlier trials: their results are of the "
        "old code, and are kept. Start anew with --fresh if they should not be compared."
    )


def move_aside(paths: RunPaths) -> Path | None:
    """Rename an existing folder to name-YYYYmmdd-HHMMSS; returns where it went."""
    if not paths.root.exists():
        return None
    stamp = time.strftime("%Y%m%d-%H%M%S")
    aside = paths.root.with_name(f"{paths.root.name}-{stamp}")
    paths.root.rename(aside)
    return aside
