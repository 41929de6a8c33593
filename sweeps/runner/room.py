"""What the system can refuse a sweep: room on the disk, the right to write, open files."""

from __future__ import annotations

import errno
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sweeps.disk import disk_message, full_disk, is_of, require_space
from sweeps.errors import DiskFullError, UsageError
from sweeps.paths import RunPaths
from sweeps.runner.folder import is_sweep

_NO_MORE_FILES = (errno.EMFILE, errno.ENFILE)
_NOT_WRITABLE = (errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE)  # so a disk that fails, too


def require_start(paths: RunPaths) -> None:
    """Before anything is made or changed: room for the study, and for a checkpoint as large as any so far.

    Raises:
        DiskFullError: there is not.
    """
    elsewhere = "" if is_sweep(paths) else ", or choose another place with --results"
    require_space(paths.root, _largest_checkpoint(paths.trials), f"free some space there{elsewhere}")


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
        raise DiskFullError(f"{message}, and do the same again") from error


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


def _too_few_files(error: OSError) -> str:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if error.errno == errno.ENFILE:
        return "this machine has as many files open as it allows: close some, or raise fs.file-max"
    return (
        f"a sweep must be allowed to open more files than {soft} (ulimit -n), all of which are open: raise "
        f"it, to {hard} at most here, or run fewer trials at once (--set workers=1)"
    )
