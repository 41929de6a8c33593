"""The standard streams of a command, whose readers may go away and whose disks may fill up.

Progress is for whoever listens: what cannot be told is thrown away, and the sweep goes on. Data is what the
command is for: its reader may have had enough of it, but a disk without room for it is an error.
"""

from __future__ import annotations

import errno
import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from sweeps.disk import disk_message
from sweeps.errors import DiskFullError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


class _Progress(io.FileIO):
    """A descriptor that leads nowhere from its first error on."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            lost = self._lost(error)
            # The descriptor itself, which signal handlers, C code and child processes write to as well.
            _lead_nowhere(self.fileno())
            if lost is not None:
                raise lost from error
            return memoryview(data).nbytes

    def _lost(self, error: OSError) -> DiskFullError | None:
        """What is to be raised for ``error``."""
        return None


class _Data(_Progress):
    """The same, but only a reader may go away: any other error is raised, once, as a DiskFullError."""

    def __init__(self, descriptor: int, mode: str, closefd: bool) -> None:
        super().__init__(descriptor, mode, closefd)
        self._gone = (errno.EPIPE, errno.EIO) if self.isatty() else (errno.EPIPE,)  # EIO: a closed terminal

    def _lost(self, error: OSError) -> DiskFullError | None:
        if error.errno in self._gone:
            return None
        return DiskFullError(disk_message(error, Path("/dev/stdout")))


def secure_streams() -> None:
    """Make standard output and error of this process as above; those that are closed lead nowhere."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:  # or else the next file that is opened would be the standard stream
            _lead_nowhere(descriptor)
    sys.stdout = _text(_Data(1, "w", closefd=False), sys.stdout, "strict")
    sys.stderr = _text(_Progress(2, "w", closefd=False), sys.stderr, "backslashreplace")


def _text(raw: io.FileIO, like: TextIO | None, errors: str) -> TextIO:
    """``like`` is None where the stream was closed when Python began."""
    lines = raw.fileno() == 2 or raw.isatty()
    if like is None:
        return io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", errors, line_buffering=lines)
    return io.TextIOWrapper(io.BufferedWriter(raw), like.encoding, like.errors, line_buffering=lines)


def _lead_nowhere(descriptor: int) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, descriptor)
    os.set_inheritable(descriptor, True)
    if nowhere != descriptor:
        os.close(nowhere)
