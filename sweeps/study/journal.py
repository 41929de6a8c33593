"""Optuna's journal with one writer: no lock per operation, few fsyncs, a torn last line cut off.

The file stays a plain Optuna journal (one JSON record a line), so `optuna-dashboard` opens a copy of it.
The exclusive right to write is held for the life of the run by :class:`sweeps.study.lock.RunLock`.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from optuna.storages.journal import BaseJournalBackend

from sweeps.errors import CorruptStudyError
from sweeps.lines import LineFile
from sweeps.paths import shown
from sweeps.strictjson import parse_object

LONGEST_LINE = 1 << 26  # bytes: far beyond what a trial, or a generation of thousands, takes
SYNC_INTERVAL = 1.0  # seconds: the most that a power cut can take, finished trials excepted
CREATE_TRIAL = 4  # the op_code of a record
_BEGINNING = b'{"op_code":'  # of every record


class _Counting(BaseJournalBackend):
    """Knows the line that its reader is at."""

    _path: Path
    _line = 0

    @property
    def place(self) -> str:
        return f"{shown(self._path)}:{self._line}"

    def _counted(self, logs: Sequence[dict[str, Any]], first: int) -> Iterator[dict[str, Any]]:
        for self._line, log in enumerate(logs, first + 1):
            yield log


class SingleWriterBackend(_Counting):
    """Append-only journal file of the one driver that holds the folder's lock.

    Every record reaches the kernel before `append_logs` returns, so a killed process loses nothing;
    `sync` puts it on the disk, which matters for a power cut only. The file is as it was found until the
    first record is written.
    """

    def __init__(self, path: Path) -> None:
        """Raises CorruptStudyError as `read_journal` does."""
        self._path = path
        self._unread = list(read_journal(path)) if path.exists() else []
        self._first_unread = 0  # log number of _unread[0]
        self._file: LineFile | None = None
        self._failure: OSError | None = None
        self._synced = time.monotonic()
        self._dirty = False
        self._held: list[bytes] | None = None  # records of an open transaction

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        if self._first_unread != log_number_from:
            return self._counted(self._read_file(log_number_from), log_number_from)
        logs, self._unread = self._unread, []
        self._first_unread += len(logs)
        return self._counted(logs, log_number_from)

    def _read_file(self, log_number_from: int) -> list[dict[str, Any]]:
        logs = list(read_journal(self._path))
        self._unread, self._first_unread = [], len(logs)
        return logs[log_number_from:]

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        data = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs).encode()
        if self._held is None:
            self._write(data)
        else:
            self._held.append(data)
        self._unread.extend(logs)  # what could not be written is not believed either

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
        """Raises OSError where the disk is full, and ever after: a transaction's records may be believed
        already that the file has not, and nothing must follow from them.
        """
        if self._failure is not None:
            raise OSError(self._failure.errno, self._failure.strerror, self._failure.filename)
        try:
            if self._file is None:
                self._file = LineFile(self._path)
            self._file.append(data)
        except OSError as error:
            self._failure = error
            raise
        self._dirty = True

    def sync(self) -> None:
        """Put every record on the disk."""
        if self._dirty and self._file is not None:
            self._file.sync()
            self._dirty = False
        self._synced = time.monotonic()

    def sync_if_due(self) -> None:
        """`sync`, at most once in `SYNC_INTERVAL` seconds."""
        if self._dirty and time.monotonic() - self._synced >= SYNC_INTERVAL:
            self.sync()

    def close(self) -> None:
        if self._failure is None:
            self.sync()
        if self._file is not None:
            self._file.close()


class ReadOnlyBackend(_Counting):
    """A journal as it stands at this moment, also while its driver runs."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._logs = list(read_journal(path))

    def read_logs(self, log_number_from: int) -> Iterable[dict[str, Any]]:
        return self._counted(self._logs[log_number_from:], log_number_from)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        raise PermissionError("this study was opened for reading only")


def read_journal(path: Path) -> Iterable[dict[str, Any]]:
    """Every whole record of the journal, in order; a last one that a crash cut short is left out.

    Raises:
        CorruptStudyError: anything else in it is not a JSON object of Optuna's journal, or a line is longer
            than 64 MiB.
    """
    with open(path, "rb") as file:
        for number, line in enumerate(iter(lambda: file.readline(LONGEST_LINE + 1), b""), 1):
            if line.endswith(b"\n"):
                yield _parse(path, number, line)
                continue
            if len(line) > LONGEST_LINE or not _is_begun(line):
                raise _corrupt(path, number)
            return  # its rest may be written in this very moment: what comes next is no line's beginning


def _is_begun(line: bytes) -> bool:
    """Whether it may be the beginning of a record, or the zeros that a power cut can leave instead."""
    begun = line.startswith(_BEGINNING) or _BEGINNING.startswith(line)
    return begun or not line.strip(b"\0")


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
        f"{shown(path)}:{number}: not a journal record: every line must be one JSON object of Optuna's "
        f"journal; {how_to_restore(path)}"
    )


def how_to_restore(path: Path) -> str:
    """What can be done about a journal that is damaged."""
    backups = [found for found in path.parent.glob(f"{path.name}.*") if found.is_file()]
    if not backups:
        return "restore the file from a backup, or start again with --fresh, which keeps this folder"
    newest = max(backups, key=lambda found: found.stat().st_mtime)
    return (
        f"restore the file from a backup (the newest beside it is {newest.name}), or start again with "
        "--fresh, which keeps this folder"
    )
