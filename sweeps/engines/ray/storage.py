"""Where checkpoints live when nodes share no folder: any file system that Arrow knows, by path or URI.

    <storage_path>/<sweep>-<id>/trials/0007/   last.pt  best.pt  best.prev.pt  inherited.pt  *.pt.sha256

Beside last and best there is, while its trial runs, the previous ``best.pt``: a node may die between the
upload of a new one and of the ``last.pt`` that speaks of it. ``inherited.pt`` waits for the trial of a
population that goes on from it.
"""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from pyarrow import ArrowException, fs

from sweeps.disk import full_disk
from sweeps.errors import DiskFullError, SweepError, SystemLimitError, UsageError
from sweeps.paths import TrialPaths, checksum_path, previous_path
from sweeps.trial.handover import discarded

T = TypeVar("T")
_CHUNK = 1 << 22  # bytes read at once
_WAITS = (1.0, 4.0)  # seconds between tries: a bucket refuses now and then


def check_storage(uri: str) -> None:
    """Write, read and remove a small file.

    Raises:
        UsageError: that cannot be done.
    """
    try:
        Storage(uri).probe()
    except SweepError as error:
        raise UsageError(str(error)) from error


class Storage:
    """Files under one ``uri``. What fails is tried again; SystemLimitError where that does not help."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        found: tuple[fs.FileSystem, str] = self._try(lambda: fs.FileSystem.from_uri(uri), waits=())
        self._files, self._root = found

    def probe(self) -> None:
        """Find out whether it can be written to."""
        name = f".probe-{uuid.uuid4().hex}"
        self._try(lambda: self._write(name, b"sweeps"), waits=())
        self.remove(name)

    def put(self, source: Path, name: str) -> None:
        """Upload a file; a reader sees the old or the new content, never a part."""
        self._try(lambda: self._put(source, name))

    def copy(self, name: str, to: str) -> None:
        """Copy a file within the storage, if there is such a file."""
        if self._has(name):
            self._try(lambda: self._files.copy_file(self._path(name), self._path(to)))

    def write(self, name: str, data: bytes) -> None:
        """Write a small file."""
        self._try(lambda: self._write(name, data))

    def read(self, name: str) -> bytes:
        """Read a small file."""
        return self._try(lambda: self._read(name))

    def fetch(self, name: str, target: Path) -> bool:
        """Download a file; False if there is none."""
        if not self._has(name):
            return False
        self._try(lambda: self._fetch(name, target))
        return True

    def names(self, folder: str) -> list[str]:
        """The files in ``folder`` and below it, by their names in the storage; none if there is no folder."""
        selector = fs.FileSelector(self._path(folder), allow_not_found=True, recursive=True)
        found = self._try(lambda: self._files.get_file_info(selector))
        start = len(self._root) + 1
        return [info.path[start:] for info in found if info.type == fs.FileType.File]

    def remove(self, name: str) -> None:
        """Remove a file, if there is such a file."""
        if self._has(name):
            self._try(lambda: self._files.delete_file(self._path(name)))

    def _put(self, source: Path, name: str) -> None:
        # Elsewhere than on a disk a file appears when its stream is closed.
        aside = f"{name}.tmp" if isinstance(self._files, fs.LocalFileSystem) else name
        with open(source, "rb") as file, self._open_output(aside) as stream:
            while chunk := file.read(_CHUNK):
                stream.write(chunk)
        if aside != name:
            self._files.move(self._path(aside), self._path(name))

    def _write(self, name: str, data: bytes) -> None:
        with self._open_output(name) as stream:
            stream.write(data)

    def _read(self, name: str) -> bytes:
        with self._files.open_input_stream(self._path(name)) as stream:
            data: bytes = stream.read()
        return data

    def _fetch(self, name: str, target: Path) -> None:
        with self._files.open_input_stream(self._path(name)) as stream, open(target, "wb") as file:
            while chunk := stream.read(_CHUNK):
                file.write(chunk)

    def _open_output(self, name: str) -> Any:
        self._files.create_dir(self._path(name).rpartition("/")[0], recursive=True)
        return self._files.open_output_stream(self._path(name))

    def _has(self, name: str) -> bool:
        info = self._try(lambda: self._files.get_file_info(self._path(name)))
        return bool(info.type != fs.FileType.NotFound)

    def _path(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _try(self, operation: Callable[[], T], waits: Sequence[float] = _WAITS) -> T:
        for seconds in waits:
            try:
                return operation()
            except (OSError, ArrowException) as error:
                if full_disk(error) is not None:
                    raise self._refusal(error) from error
                time.sleep(seconds)
        try:
            return operation()
        except (OSError, ArrowException) as error:
            raise self._refusal(error) from error

    def _refusal(self, error: Exception) -> SweepError:
        text = " ".join(str(error).split())[:300]
        refused = (
            f"storage_path must be a folder that every node can write to, and {self._uri} is not: {text}"
        )
        if full_disk(error) is not None:
            return DiskFullError(f"{refused}; free some space there")
        return SystemLimitError(f"{refused}; check the address and the rights")


def hand_over_stored(storage: Storage, parent: TrialPaths, child: TrialPaths) -> None:
    """`HandOver` within a storage."""
    source, target = (f"trials/{paths.directory.name}" for paths in (parent, child))
    last, inherited = parent.last.name, child.inherited.name
    digest = storage.read(f"{source}/{checksum_path(parent.last).name}").split()[0].decode()
    storage.copy(f"{source}/{last}", f"{target}/{inherited}")
    storage.write(f"{target}/{checksum_path(child.inherited).name}", f"{digest}  {inherited}\n".encode())


class StoredShelf:
    """`Shelf` within a storage. A thread removes: that takes requests, and tries again where one fails, and
    the controller, who asks for it, must not wait.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._thread = ThreadPoolExecutor(1, "sweeps-shelf")
        self._closing = False

    def holding(self) -> Collection[int]:
        with contextlib.suppress(SweepError):
            names = self._storage.names("trials")
            folders = {name.split("/")[1] for name in names}
            return {int(folder) for folder in folders if folder.isdecimal()}
        return ()

    def discard(self, trial: TrialPaths, *, but_best: bool) -> None:
        self._thread.submit(self._discard, trial, but_best)

    def close(self) -> None:
        self._closing = True
        self._thread.shutdown()

    def _discard(self, trial: TrialPaths, but_best: bool) -> None:
        folder = f"trials/{trial.directory.name}"
        try:
            there = set(self._storage.names(folder))
            for path in discarded(trial, but_best=but_best):
                if (name := f"{folder}/{path.name}") in there:
                    self._storage.remove(name)
        except SweepError:
            if self._closing:  # nobody is kept waiting for a storage that is gone
                self._thread.shutdown(wait=False, cancel_futures=True)


class StoredCheckpoints:
    """The checkpoints of one trial in a storage, and their copies in a folder of this node."""

    def __init__(self, storage: Storage, directory: Path) -> None:
        self._storage = storage
        self._directory = directory
        self._name = f"trials/{directory.name}"
        self._paths = paths = TrialPaths(directory)
        # `best` may be newer than `last`, and `last` must find the `best` it speaks of: so it goes first.
        self._files = (paths.last, paths.best)
        self._sent: dict[Path, tuple[int, int]] = {}
        self._inherits = False  # whether the storage holds an ``inherited.pt``

    def fetch(self) -> None:
        """Bring here what an earlier attempt left, for the next one to go on from."""
        inherited = self._paths.inherited
        for path in (checksum_path(inherited), inherited):
            self._inherits = self._storage.fetch(self._in_storage(path), path)
        for file in self._files:
            for path in (checksum_path(file), file, previous_path(file)):
                if self._storage.fetch(self._in_storage(path), path):
                    self._sent[path] = _stamp(path)

    def discard(self) -> None:
        """Remove what a trial of this number left that the study has lost with its last second."""
        for file in (*self._files, self._paths.inherited):
            for path in (file, previous_path(file), checksum_path(file)):
                self._storage.remove(self._in_storage(path))

    def send(self) -> None:
        """Upload what has changed since the last time."""
        for file in self._files:
            if not file.exists() or self._sent.get(file) == _stamp(file):
                continue
            if file == self._paths.best:
                self._storage.copy(self._in_storage(file), self._in_storage(previous_path(file)))
            # The checksums name this file and the one before, so that either is whole beside them.
            self._storage.put(checksum_path(file), self._in_storage(checksum_path(file)))
            self._storage.put(file, self._in_storage(file))
            self._sent[file] = _stamp(file)
        inherited = self._paths.inherited
        if self._inherits and not inherited.exists():  # the trial has a state of its own by now
            self._inherits = False
            self._storage.remove(self._in_storage(inherited))
            self._storage.remove(self._in_storage(checksum_path(inherited)))

    def finish(self) -> None:
        """Upload what is left; once a trial has dropped its fallbacks, the storage drops them too."""
        self.send()
        for file in self._files:
            if not previous_path(file).exists():
                self._storage.remove(self._in_storage(previous_path(file)))

    def _in_storage(self, path: Path) -> str:
        return f"{self._name}/{path.name}"


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_ino
