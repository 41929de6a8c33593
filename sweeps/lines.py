"""Files of whole lines that only grow: what a crash left of a last line is cut off, and a line that does not
fit on the disk leaves nothing behind.
"""

from __future__ import annotations

import os
from pathlib import Path


class LineFile:
    """The file at ``path``, open for appending; its one writer repairs its end first. A new one is its
    owner's alone.
    """

    def __init__(self, path: Path) -> None:
        cut_torn_line(path)
        self._path = path
        self._descriptor = open_to_append(path)

    def append(self, data: bytes) -> None:
        """Write ``data``, whole lines, by one ``write``: a reader never meets two half lines.

        Raises:
            OSError: it could not be written; nothing of it is left, and the error names the file.
        """
        written = 0
        try:
            while written < len(data):
                written += os.write(self._descriptor, data[written:] if written else data)
        except OSError as error:
            if written:
                os.ftruncate(self._descriptor, os.fstat(self._descriptor).st_size - written)
            error.filename = str(self._path)
            raise

    def sync(self) -> None:
        """Put every line on the disk."""
        os.fdatasync(self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)


def open_to_append(path: Path) -> int:
    """A descriptor of the file at ``path``, made if need be for its owner alone (0600)."""
    return os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)


def cut_torn_line(path: Path) -> int:
    """Cut a last line that a crash left without its end; returns how many bytes went."""
    if not path.exists():
        return 0
    with open(path, "r+b") as file:
        size = file.seek(0, os.SEEK_END)
        keep = _end_of_last_line(file.fileno(), size)
        if keep < size:
            file.truncate(keep)
            os.fsync(file.fileno())
        return size - keep


def _end_of_last_line(fd: int, size: int, block: int = 65536) -> int:
    """The file's length up to and including its last newline."""
    end = size
    while end > 0:
        start = max(0, end - block)
        newline = os.pread(fd, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0
