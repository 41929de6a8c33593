"""What becomes of a trial's checkpoints when it does not run: the one place that moves them between trials'
folders, and removes them.
"""

from __future__ import annotations

import contextlib
import mmap
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Protocol

from sweeps.errors import CheckpointError
from sweeps.paths import (
    TrialPaths,
    aside_path,
    checksum_path,
    previous_path,
    replace_file,
    shown,
    write_aside,
)


class HandOver(Protocol):
    """Keeps what ``parent`` saved last for ``child``, whatever the parent does from now on.

    Called while neither of them runs; called again for the same two, it does the same again.
    """

    def __call__(self, parent: TrialPaths, child: TrialPaths) -> None: ...


class Shelf(Protocol):
    """Where the checkpoints of ended trials lie.

    What cannot be removed is left: it costs room, and no result; the next run tries again.
    """

    def holding(self) -> Collection[int]:
        """The trials of which any checkpoint is there."""

    def discard(self, trial: TrialPaths, *, but_best: bool) -> None:
        """Remove the checkpoints of ``trial``, and with ``but_best`` all but its ``best.pt``; in time."""

    def close(self) -> None:
        """Have removed what there was to remove."""


def link_checkpoint(parent: TrialPaths, child: TrialPaths) -> None:
    """`HandOver` on a file system: ``inherited.pt`` is a hard link, or a copy where there are none.

    A link is enough because checkpoints are replaced and never written in place.
    """
    target = child.inherited
    target.unlink(missing_ok=True)
    try:
        os.link(parent.last, target)
    except FileNotFoundError as error:
        raise CheckpointError(
            f"{shown(parent.last)} must be there for trial {child.directory.name} to go on from, and is "
            "missing: restore it from a backup"
        ) from error
    except OSError:
        _copy(parent.last, target)
    digest = checksum_path(parent.last).read_bytes().partition(b" ")[0]  # the newest comes first
    replace_file(checksum_path(target), digest + f"  {target.name}\n".encode())


def _copy(source: Path, target: Path) -> None:
    """Mapped, not read: a checkpoint may be as large as the memory."""
    aside = aside_path(target)
    with (
        open(source, "rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped,
        memoryview(mapped) as data,
    ):
        write_aside(aside, data, target)
    aside.replace(target)


class FolderShelf:
    """`Shelf` on a file system. ``trials`` is the folder of the trials' folders."""

    def __init__(self, trials: Path) -> None:
        self._trials = trials

    def holding(self) -> Collection[int]:
        if not self._trials.is_dir():  # a copy by git, say, leaves empty folders out
            return ()
        with os.scandir(self._trials) as folders:
            return [int(f.name) for f in folders if f.name.isdecimal() and f.is_dir() and _holds_any(f.path)]

    def discard(self, trial: TrialPaths, *, but_best: bool) -> None:
        for path in discarded(trial, but_best=but_best):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """All is removed at once."""


class EmptyShelf:
    """`Shelf` of trials that have no checkpoints."""

    def holding(self) -> Collection[int]:
        return ()

    def discard(self, trial: TrialPaths, *, but_best: bool) -> None:
        """There is nothing to remove."""

    def close(self) -> None:
        """There is nothing to wait for."""


def discarded(trial: TrialPaths, *, but_best: bool) -> Iterator[Path]:
    """The files that `Shelf.discard` removes, where they are there; a checksum goes after its checkpoint."""
    for checkpoint in (trial.last, trial.inherited, trial.best):
        yield aside_path(checkpoint)
        yield previous_path(checkpoint)
        if checkpoint != trial.best or not but_best:
            yield checkpoint
            yield checksum_path(checkpoint)


def _holds_any(folder: str) -> bool:
    with os.scandir(folder) as entries:
        return any(entry.name.endswith((".pt", ".pt.sha256")) for entry in entries)
