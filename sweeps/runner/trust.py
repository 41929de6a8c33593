"""Whose folder it is, and where its links lead: asked before anything in it is written, deleted or imported.

Resuming a sweep runs code that the folder names, and writes into the folder. Both are harmless in a folder of
one's own; one that somebody else has made may point anywhere.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from sweeps.components import is_user_factory
from sweeps.errors import RefusedError
from sweeps.paths import RunPaths, belongs_to_us, is_inside, is_written, shown
from sweeps.spec import SweepSpec


def refuse_links(paths: RunPaths) -> None:
    """Nothing is written or deleted through a link that leads out of the folder, which may be one itself.

    Links that a training function has made, under other names than ours, are let be.

    Raises:
        RefusedError: there is such a link.
    """
    for link in _links(paths):
        if not is_inside(link, paths.root):
            raise RefusedError(
                f"{shown(link)}: what a sweep writes must stay in its folder, and this is a link to "
                f"{link.readlink()}: put the file itself there, or make the whole folder a link"
            )


def _links(paths: RunPaths) -> Iterator[Path]:
    """Every link where a sweep writes."""
    if not paths.root.is_dir():
        return
    yield from _links_in(paths.root)
    for folder in (paths.trials, paths.best.directory, paths.edit):
        if folder.is_dir():
            yield from _links_in(folder)
    if paths.trials.is_dir():
        for entry in os.scandir(paths.trials):
            if entry.is_dir(follow_symlinks=False):
                yield from (link for link in _links_in(Path(entry.path)) if is_written(link.name))


def _links_in(folder: Path) -> list[Path]:
    with os.scandir(folder) as entries:
        return [Path(entry.path) for entry in entries if entry.is_symlink()]


def code_places(paths: RunPaths, spec: SweepSpec) -> tuple[list[Path], list[str]]:
    """(where to look code up before the places that the folder has recorded, notes for the user).

    In a folder that another user has made nothing recorded counts: the working directory is the only place.

    Raises:
        RefusedError: such a folder names code that lies elsewhere, or is the working directory itself.
    """
    here = Path.cwd()
    if belongs_to_us(paths.root):
        return [here], []
    folder = f"{shown(paths.root)} belongs to another user"
    if is_inside(here, paths.root):
        raise RefusedError(
            f"{folder}, and code is not taken from it: run the command in the folder where your own code lies"
        )
    named = (spec.code, spec.final_test, spec.sampler.name, spec.pruner.name)
    for target in (name for name in named if name is not None and is_user_factory(name)):
        source = target.rpartition(":")[0]
        if source.endswith(".py") and not is_inside(here / source, here):
            raise RefusedError(
                f"{folder}, and names code outside of the working directory ({target}): read that code, and "
                "run a copy of both"
            )
    return [here], [f"{folder}: code was looked up in the working directory only"]
