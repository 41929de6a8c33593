"""Optuna's journal with one writer: no lock per operation, few fsyncs, a torn last line cut off.

The file stays a plain Optuna journal (one JSON record a line), so `optuna-dashboard` opens a copy of it.
The exclusive right to write is held for the life of the run by :class:`sweeps.study.lock.RunLock`.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from optuna.storages.journal import BaseJournalBackend

from sweeps.errors import CorruptStudyError
from sweeps.strictjson import parse_object

LONGEST_LINE = 1 << 26  # bytes: far beyond what a trial, or a generation of thousands, takes
SYNC_INTERVAL = 1.0  # seconds: the most that a power cut can take, finished trials excepted


class SingleWriterBackend(BaseJournalBackend):
    """Append-only journal file of the one driver that holds the folder's lock.

    Every record reaches the kernel before `append_logs` returns, so a killed process loses nothing;
    `sync` puts it on the disk, which matters for a power cut only.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        cut_torn_line(path)
        self._file = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._unread: list[dict[str, Any]] = []
        self._first_unread = -1  # log number of _unread[0]; -1 until the file has been read once
        self._synced = time.monotonic()
        self._dirty = False
        self._held: list[bytes] | None = None  # records of an open transaction

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        if self._first_unread != log_number_from:
            return self._read_file(log_number_from)
        logs, self._unread = self._unread, []
        self._first_unread += len(logs)
        return logs

    def _read_file(self, log_number_from: int) -> list[dict[str, Any]]:
        logs = list(read_journal(self._path))
        self._unread, self._first_unread = [], len(logs)
        return logs[log_number_from:]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        data = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs).encode()
        self._unread.extend(logs)
        if self._held is None:
            self._write(data)
        else:
            self._held.append(data)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Write all records of the block at once at its end: a kill leaves all of them or none."""
        self._held = []
        try:
            yield
        finally:
            held, self._held = b"".join(self._held), None
            if held:
                self._write(held)

    def _write(self, data: bytes) -> None:
        written = os.write(self._file, data)
        while written < len(data):
            written += os.write(self._file, data[written:])
        self._dirty = True

    def sync(self) -> None:
        """Put every record on the disk."""
        if self._dirty:
            os.fdatasync(self._file)
            self._dirty = False
        self._synced = time.monotonic()

    def sync_if_due(self) -> None:
        """`sync`, at most once in `SYNC_INTERVAL` seconds."""
        if self._dirty and time.monotonic() - self._synced >= SYNC_INTERVAL:
            self.sync()

    def close(self) -> None:
        self.sync()
        os.close(self._file)


class ReadOnlyBackend(BaseJournalBackend):
    """A journal as it stands at this moment, also while its driver runs."""

    def __init__(self, path: Path) -> None:
        self._logs = list(read_journal(path))

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        return self._logs[log_number_from:]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        raise PermissionError("this study was opened for reading only")


def read_journal(path: Path) -> Iterable[dict[str, Any]]:
    """Every whole record of the journal, in order; a last line without its end is left out.

    Raises:
        CorruptStudyError: a line before the last is not a JSON object, or one is longer than 64 MiB.
    """
    with open(path, "rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE + 1), b""), 1):
            if len(line) > LONGEST_LINE:
                raise _corrupt(path, number)
            if not line.endswith(b"\n"):
                return
            yield _parse(path, number, line)


def _parse(path: Path, number: int, line: bytes) -> dict[str, Any]:
    try:
        record = parse_object(line)
    except ValueError as error:
        raise _corrupt(path, number) from error
    if type(record.get("op_code")) is not int:
        raise _corrupt(path, number)
    return record


def _corrupt(path: Path, number: int) -> CorruptStudyError:
    return CorruptStudyError(
        f"{path}:{number}: not a journal record: every line must be one JSON object of Optuna's journal; "
        "restore the file from a backup, or start again with --fresh"
    )


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
