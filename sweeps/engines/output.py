"""Where a trial's output goes: ``log.txt``, kept small."""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from sweeps.lines import open_to_append
from sweeps.paths import make_folder, replace_file, rotated_path

_LIBC = ctypes.CDLL(None)
LOG_BYTES = 5_000_000  # log.txt and log.1.txt are each cut to about this
_ROUNDS = 100  # of copying what a log gains while its end is copied: no process outruns that for long


def cap_log(path: Path, limit: int = LOG_BYTES) -> None:
    """If ``path`` is larger than ``limit`` bytes, keep its end as ``log.1.txt`` and begin it anew.

    A process may write to it in append mode meanwhile: what it adds while the end is copied is copied too,
    for the words just before a death are those that tell why. Lost is what is written between the last look
    and the cut, some microseconds.
    """
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return
    if size <= limit:
        return
    with open(path, "r+b", buffering=0) as file:
        file.seek(-limit, os.SEEK_END)
        end = file.read(limit)
        replace_file(rotated_path(path), end[end.find(b"\n") + 1 :], durable=False)
        with open(rotated_path(path), "ab", buffering=0) as kept:
            _follow(file, kept)
        file.truncate(0)


def _follow(file: io.FileIO, kept: io.FileIO) -> None:
    """Copy what ``file`` gains until it gains no more; each round is shorter than the one before."""
    for _ in range(_ROUNDS):
        if not (gained := file.read()):
            return
        kept.write(gained)


def last_lines(path: Path, lines: int) -> list[str]:
    """The last ``lines`` of a log, as they are; none where there is no log."""
    try:
        with open(path, "rb") as file:
            file.seek(-min(path.stat().st_size, lines * 1000), os.SEEK_END)
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return []
    return text.splitlines()[-lines:]


class _Both:
    """A text stream that writes to the terminal and, while there is one, to a log; all else is the
    terminal's.
    """

    def __init__(self, terminal: TextIO) -> None:
        self.terminal = terminal
        self.log: TextIO | None = None

    def write(self, text: str) -> int:
        if self.log is not None:
            self.log.write(text)
        return self.terminal.write(text)

    def flush(self) -> None:
        if self.log is not None:
            self.log.flush()
        self.terminal.flush()

    def __getattr__(self, name: str) -> object:
        return getattr(self.terminal, name)


def prints_of_user_code() -> TextIO:
    """Where the user's prints go in this process: standard output is data unless it is a terminal."""
    return sys.stdout if sys.stdout.isatty() else sys.stderr


class Tee:
    """Sends what Python code prints to a log as well as to the terminal.

    The streams are the same for every log: a handler of ``logging`` made in one trial serves in the next.
    """

    def __init__(self) -> None:
        self._out = _Both(sys.stdout)
        self._err = _Both(sys.stderr)

    @contextlib.contextmanager
    def into(self, path: Path) -> Iterator[None]:
        """While entered, prints go to the end of the log at ``path`` too."""
        make_folder(path.parent)
        self._own = sys.stdout, sys.stderr
        self._out.terminal, self._err.terminal = prints_of_user_code(), sys.stderr
        with open(open_to_append(path), "a", buffering=1, encoding="utf-8", errors="backslashreplace") as log:
            self._out.log = self._err.log = log
            sys.stdout, sys.stderr = self._out, self._err
            try:
                yield
            finally:
                sys.stdout, sys.stderr = self._own
                self._out.log = self._err.log = None
        cap_log(path)

    @contextlib.contextmanager
    def suspended(self) -> Iterator[None]:
        """What the driver itself prints is none of the trial's."""
        shared = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = self._own
        try:
            yield
        finally:
            sys.stdout, sys.stderr = shared


def flush_all() -> None:
    """Empty the buffers of Python's and C's standard streams."""
    sys.stdout.flush()
    sys.stderr.flush()
    _LIBC.fflush(None)


def line_buffered() -> None:
    """Write standard output line by line, so that a kill loses none of it; no character is refused."""
    assert isinstance(sys.stdout, io.TextIOWrapper)  # a worker's standard output is a real stream
    sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace", line_buffering=True)


def redirect_to(path: Path) -> None:
    """Send this process's output, that of C code and child processes included, to the end of ``path``."""
    log = open_to_append(path)
    redirect(log)
    os.close(log)


def redirect(descriptor: int) -> None:
    """Send this process's output to an open file."""
    flush_all()
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
