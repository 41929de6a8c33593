"""Where checkpoints live when nodes share no folder: any file system that Arrow knows, by path or URI.

    <storage_path>/<sweep>-<id>/trials/0007/   last.pt  best.pt  best.prev.pt  inherited.pt  *.pt.sha256

Beside last and best there is, while its trial runs, the previous ``best.pt``: a node may die between the
upload of a new one and of the ``last.pt`` that speaks of it. ``inherited.pt`` waits for the trial of a
population that goes on from it.
"""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path

from pyarrow import ArrowException, fs

from sweeps.errors import SweepError, UsageError
from sweeps.paths import TrialPaths, checksum_path, previous_path


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
    """Files under one ``uri``; raises SweepError where they cannot be reached."""

    def __init__(self, uri: str) -> None:
        self._uri = uri
        with self._translated():
            found: tuple[fs.FileSystem, str] = fs.FileSystem.from_uri(uri)
        self._files, self._root = found

    def probe(self) -> None:
        with self._translated():
            self._files.create_dir(self._root, recursive=True)
            name = f"{self._root}/.probe-{uuid.uuid4().hex}"
            with self._files.open_output_stream(name) as stream:
                stream.write(b"sweeps")
            self._files.delete_file(name)

    def put(self, source: Path, name: str) -> None:
        """Upload a file; a reader sees the old or the new content, never a part."""
        target = f"{self._root}/{name}"
        # Elsewhere a file appears when its stream is closed.
        aside = f"{target}.tmp" if isinstance(self._files, fs.LocalFileSystem) else target
        with self._translated():
            self._files.create_dir(target.rpartition("/")[0], recursive=True)
            with open(source, "rb") as file, self._files.open_output_stream(aside) as stream:
                while chunk := file.read(1 << 22):
                    stream.write(chunk)
            if aside != target:
                self._files.move(aside, target)

    def copy(self, name: str, to: str) -> None:
        """Copy a file within the storage, if there is such a file."""
        with self._translated():
            if self._has(name):
                self._files.copy_file(f"{self._root}/{name}", f"{self._root}/{to}")

    def write(self, name: str, data: bytes) -> None:
        """Write a small file."""
        with self._translated():
            self._files.create_dir(f"{self._root}/{name}".rpartition("/")[0], recursive=True)
            with self._files.open_output_stream(f"{self._root}/{name}") as stream:
                stream.write(data)

    def read(self, name: str) -> bytes:
        """Read a small file."""
        with self._translated(), self._files.open_input_stream(f"{self._root}/{name}") as stream:
            data: bytes = stream.read()
            return data

    def fetch(self, name: str, target: Path) -> bool:
        """Download a file; False if there is none."""
        with self._translated():
            if not self._has(name):
                return False
            with self._files.open_input_stream(f"{self._root}/{name}") as stream, open(target, "wb") as file:
                while chunk := stream.read(1 << 22):
                    file.write(chunk)
        return True

    def remove(self, name: str) -> None:
        """Remove a file, if there is such a file."""
        with self._translated():
            if self._has(name):
                self._files.delete_file(f"{self._root}/{name}")

    def _has(self, name: str) -> bool:
        found: bool = self._files.get_file_info(f"{self._root}/{name}").type != fs.FileType.NotFound
        return found

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ArrowException) as error:
            text = " ".join(str(error).split())[:300]
            raise SweepError(
                f"storage_path must be a folder that every node can write to, and {self._uri} is not: "
                f"{text}; check the address and the rights"
            ) from error


def hand_over_stored(storage: Storage, parent: TrialPaths, child: TrialPaths) -> None:
    """`HandOver` within a storage."""
    source, target = (f"trials/{paths.directory.name}" for paths in (parent, child))
    last, inherited = parent.last.name, child.inherited.name
    digest = storage.read(f"{source}/{checksum_path(parent.last).name}").split()[0].decode()
    storage.copy(f"{source}/{last}", f"{target}/{inherited}")
    storage.write(f"{target}/{checksum_path(child.inherited).name}", f"{digest}  {inherited}\n".encode())


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
