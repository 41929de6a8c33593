"""What the system can refuse a sweep: room on the disk, the right to write, open files."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from glob import iglob
from pathlib import Path

from sweeps.disk import disk_message, full_disk, is_of, require_space
from sweeps.errors import DiskFullError
from sweeps.paths import RunPaths
from sweeps.refusals import in_words
from sweeps.runner.folder import claim, is_sweep

_NOT_WRITABLE = (errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE)  # so a disk that fails, too


@contextmanager
def claimed(paths: RunPaths, *, fresh: bool = False) -> Iterator[None]:
    """Hold the folder for a sweep that starts, with room for the study, and a checkpoint as large as any.

    Raises:
        DiskFullError: there is not; where it is the study that has no room, nothing was made.
        LockedError, RefusedError, UsageError: as of `claim` and `system_refusals`.
    """
    with system_refusals(paths):
        elsewhere = "" if is_sweep(paths) else ", or choose another place with --results"
        fix = f"free some space there{elsewhere}"
        require_space(paths.root, 0, fix)
        with claim(paths, fresh):
            require_space(paths.root, _largest_checkpoint(paths.trials), fix)
            yield


def _largest_checkpoint(trials: Path) -> int:
    names = iglob("*/*.pt", root_dir=trials)  # noqa: PTH207  Path.glob trips over a folder that vanishes
    return max((_size(trials / name) for name in names), default=0)


def _size(path: Path) -> int:
    """In bytes, a link's own; 0 where the file has been removed meanwhile."""
    try:
        return path.lstat().st_size
    except FileNotFoundError:
        return 0


def clear_asides(paths: RunPaths) -> None:
    """Remove what drivers that were killed had written aside, and not yet put in place."""
    for folder in (paths.root, paths.best.directory):
        for aside in folder.glob(".*.tmp"):
            aside.unlink(missing_ok=True)


@contextmanager
def system_refusals(paths: RunPaths) -> Iterator[None]:
    """What the system refuses becomes an error of ours.

    Raises:
        DiskFullError: the disk is full.
        UsageError, RefusedError, SystemLimitError: as of `in_words`.
    """
    try:
        with in_words():
            yield
    except (OSError, DiskFullError) as error:
        full = full_disk(error)
        if full is None:
            raise
        raise DiskFullError(f"{disk_message(full, paths.root)}, and do the same again") from error


def disk_trouble(error: Exception, paths: RunPaths) -> str | None:
    """One line on a disk that is full, or does not take a file of this sweep, and the fix; None for other
    errors.
    """
    full = full_disk(error)
    if full is not None:
        return disk_message(full, paths.root)
    if isinstance(error, OSError) and error.errno in _NOT_WRITABLE and is_of(error, paths.root):
        return disk_message(error, paths.root)
    return None
