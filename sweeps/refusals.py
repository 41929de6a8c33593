"""What the system refuses a command, in words: files that it may not open, limits on files and processes.

A full disk is another matter: see `sweeps.disk`.
"""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sweeps.errors import RefusedError, SweepError, SystemLimitError, UsageError
from sweeps.paths import shown

_RIGHTS = (errno.EACCES, errno.EPERM, errno.EROFS)
_DAMAGED = {
    errno.ENOTDIR: "a folder must be where a file is",
    errno.EEXIST: "a folder must be where a file is",
    errno.EISDIR: "a file must be where a folder is",
    errno.ELOOP: "a file must be where a link to itself is",
    errno.EIO: "the disk must read back what was written to it",
    errno.ESTALE: "the server of a shared folder must know its files",
}
_SHOWN = 60  # characters of a name that is too long
_LIMITS = (errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM)


@contextmanager
def in_words() -> Iterator[None]:
    """What the system refuses becomes an error of ours.

    Raises:
        UsageError: the right to read or write a file is missing.
        RefusedError: a file is none, or does not read back.
        SystemLimitError: no more files, processes or memory are granted.
        OSError: any other.
    """
    try:
        yield
    except OSError as error:
        refused = _refusal(error)
        if refused is None:
            raise
        raise refused from error


def is_limit(error: OSError) -> bool:
    """Whether the system has no more files, processes or memory to give."""
    return error.errno in _LIMITS


def _refusal(error: OSError) -> SweepError | None:
    if is_limit(error):
        return SystemLimitError(f"{_limit(error)}; a sweep goes on with `sweep resume`")
    if not isinstance(error.filename, str | bytes):
        return None
    file = shown(Path(os.fsdecode(error.filename)))
    if error.errno in _RIGHTS:
        return UsageError(
            f"{file}: you must have the right to read it, and to write where results change, and the system "
            f"says: {error.strerror}: ask its owner for it, or work on a copy of your own (cp -r)"
        )
    if error.errno == errno.ENAMETOOLONG:
        return UsageError(f"{file[:_SHOWN]}...: the system allows no name so long: give a shorter one")
    if error.errno in _DAMAGED:
        return RefusedError(
            f"{file}: {_DAMAGED[error.errno]}, and the system says: {error.strerror}: restore the folder "
            "from a backup"
        )
    return None


def _limit(error: OSError) -> str:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if error.errno == errno.EMFILE:
        return (
            f"this command must be allowed to open more files than {soft} (ulimit -n), all of which are "
            f"open: raise it, to {hard} at most here, or run fewer trials at once (--set workers=1)"
        )
    if error.errno == errno.ENFILE:
        return "this machine has as many files open as it allows: close some, or raise fs.file-max"
    return (
        f"the system must grant a sweep its processes and their memory, and says: {error.strerror}: end "
        "others, raise the limits (ulimit -u, ulimit -v), or run fewer trials at once (--set workers=1)"
    )
