"""A disk that is full: how much is free, which errors say so, and what a person is told."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sweeps.errors import CheckpointSpaceError, DiskFullError
from sweeps.paths import shown, write_aside

RESERVE = 50_000_000  # bytes that stay free, for the study and the tables
_SHARE = 20  # of a small file system the reserve is a twentieth
# EFBIG: a limit on the size of files (ulimit -f); all three say that nothing more fits.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FIXES = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space, or have the quota raised",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
    errno.EACCES: "give yourself the right to write there",
    errno.EPERM: "give yourself the right to write there",
}
_LONGEST_CHAIN = 20  # of errors raised from each other
_PROBE = 1 << 16  # bytes, which fit wherever more than a last block is left


@dataclass(frozen=True, slots=True)
class Space:
    """What a file system has, in bytes: ``free`` for us, and ``reserve``, which must stay so."""

    free: int
    reserve: int

    @classmethod
    def at(cls, path: Path) -> Space | None:
        """Of the file system of ``path``, which need not exist yet; None where it does not tell."""
        there = next(place for place in (path, *path.parents) if place.exists())
        status = os.statvfs(there)
        if status.f_blocks == 0:
            return None
        return cls(
            status.f_bavail * status.f_frsize, min(RESERVE, status.f_blocks * status.f_frsize // _SHARE)
        )


def require_space(root: Path, largest: int, fix: str) -> None:
    """Before a sweep starts in ``root``: the reserve, or another checkpoint like the ``largest`` (bytes).

    ``fix`` is what a person is told to do.

    Raises:
        DiskFullError: there is less.
    """
    space = Space.at(root)
    if space is None or space.free >= (needed := max(space.reserve, largest)):
        return
    raise DiskFullError(
        f"{shown(root)}: at least {bytes_shown(needed)} must be free where results are written, and "
        f"{bytes_shown(space.free)} are: {fix}"
    )


def require_room(checkpoint: Path, size: int) -> None:
    """Before ``checkpoint`` of ``size`` bytes is written, beside the older ones.

    Raises:
        CheckpointSpaceError: it would leave less than the reserve.
    """
    space = Space.at(checkpoint.parent)
    if space is not None and space.free < size + space.reserve:
        raise CheckpointSpaceError(
            f"{shown(checkpoint)}: a checkpoint must leave {bytes_shown(space.reserve)} of the disk free; it "
            f"has {bytes_shown(size)}, and {bytes_shown(space.free)} are free; free some space"
        )


def full_disk(error: BaseException | None) -> OSError | CheckpointSpaceError | DiskFullError | None:
    """The error by which a disk says that it is full: ``error``, or what that was raised from; else None."""
    for _ in range(_LONGEST_CHAIN):
        if error is None:
            return None
        if isinstance(error, CheckpointSpaceError | DiskFullError):
            return error
        if isinstance(error, OSError) and error.errno in _FULL:
            return error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return None


def full_results(
    error: BaseException, folders: Sequence[Path]
) -> OSError | CheckpointSpaceError | DiskFullError | None:
    """As `full_disk`, for code that writes elsewhere too: None unless it was a file in one of ``folders``
    that did not fit, or nothing more fits there.
    """
    full = full_disk(error)
    if not isinstance(full, OSError) or any(is_of(full, f) or _nothing_fits(f) for f in folders):
        return full
    return None


def is_of(error: OSError, folder: Path) -> bool:
    """Whether it names a file in ``folder``."""
    return isinstance(error.filename, str) and Path(error.filename).absolute().is_relative_to(folder)


def _nothing_fits(folder: Path) -> bool:
    """Found out by writing: of a quota, or of files that are all in use, the free space tells nothing."""
    space = Space.at(folder)
    if space is not None and space.free < space.reserve:
        return True
    aside = folder / f".probe.{os.getpid()}.tmp"
    try:
        write_aside(aside, bytes(_PROBE), aside)
        aside.unlink()
    except OSError as error:
        return error.errno in _FULL
    return False


def disk_message(error: OSError | CheckpointSpaceError | DiskFullError, directory: Path) -> str:
    """One line on a disk that is full or fails: which file, what was refused, the free space, and the fix.

    ``directory`` is where an error without a file name came from.
    """
    if not isinstance(error, OSError):
        return str(error)
    path = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else directory
    space = Space.at(path.absolute()) if error.errno == errno.ENOSPC else None
    free = "" if space is None else f" ({bytes_shown(space.free)} are free)"
    fix = _FIXES.get(error.errno or 0, "see to that disk, and that it can be written to")
    return f"{shown(path)}: cannot be written: {error.strerror or error}{free}; {fix}"


def bytes_shown(size: int) -> str:
    """``size`` for a person: 512 B, 48 kB, 1.5 GB."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= scale:
            return f"{size / scale:.3g} {unit}"
    return f"{size} B"
