"""What the system can refuse a sweep: room on the disk, the right to write, open files."""

from __future__ import annotations

import errno
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sweeps.disk import full_disk, full_disk_message, require_space
from sweeps.errors import DiskFullError, UsageError
from sweeps.paths import RunPaths

_NO_MORE_FILES = (errno.EMFILE, errno.ENFILE)


def require_start(paths: RunPaths) -> None:
    """Before anything is made or changed: room for the study, and for a checkpoint as large as any so far.

    Raises:
        DiskFullError: there is not.
    """
    require_space(paths.root, _largest_checkpoint(paths.trials))


def _largest_checkpoint(trials: Path) -> int:
    return max((path.stat().st_size for path in trials.glob("*/*.pt")), default=0)


def clear_asides(paths: RunPaths) -> None:
    """Remove what drivers that were killed had written aside, and not yet put in place."""
    for folder in (paths.root, paths.best.directory):
        for aside in folder.glob(".*.tmp"):
            aside.unlink(missing_ok=True)


@contextmanager
def system_refusals(paths: RunPaths) -> Iterator[None]:
    """What the system refuses becomes an error of ours.

    Raises:
        DiskFullError: the disk is full, or fails.
        UsageError: too few files may be open.
    """
    try:
        yield
    except (OSError, DiskFullError) as error:
        if isinstance(error, OSError) and error.errno in _NO_MORE_FILES:
            raise UsageError(_too_few_files(error)) from error
        message = disk_trouble(error, paths)
        if message is None:
            raise
        raise DiskFullError(f"{message}: free some space, and do the same again") from error


def disk_trouble(error: Exception, paths: RunPaths) -> str | None:
    """One line on a disk that is full, or does not take a file of this sweep; None for other errors."""
    full = full_disk(error)
    if full is not None:
        return full_disk_message(full, paths.root)
    if isinstance(error, OSError) and _is_of(error, paths.root):
        return full_disk_message(error, paths.root)
    return None


def _is_of(error: OSError, root: Path) -> bool:
    """Whether it is about a file in ``root`` that cannot be written: a disk that fails becomes read-only."""
    named = isinstance(error.filename, str) and Path(error.filename).absolute().is_relative_to(root)
    return named and error.errno in (errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE)


def _too_few_files(error: OSError) -> str:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if error.errno == errno.ENFILE:
        return "this machine has as many files open as it allows: close some, or raise fs.file-max"
    return (
        f"a sweep must be allowed to open more files than {soft} (ulimit -n), all of which are open: raise "
        f"it, to {hard} at most here, or run fewer trials at once (--set workers=1)"
    )
