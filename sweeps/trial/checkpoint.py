"""One checkpoint file that is never seen half written, with the one before it kept as a fallback.

    best.pt          the newest state
    best.prev.pt     the one before it
    best.pt.sha256   the hashes of both, as `sha256sum -c` reads them

A write goes: new data aside, hashes of new and current, current -> prev, new -> current. Killed between any
two of these steps, every file that stands at ``path`` or ``previous`` is still one of the two hashes listed.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sweeps.disk import require_room
from sweeps.errors import CheckpointError
from sweeps.floors import require_floor
from sweeps.paths import aside_path, checksum_path, previous_path, replace_file, write_aside
from sweeps.trial.plain import decode, encode

State = dict[str, Any]
# What torch, zipfile and the unpickler that makes nothing but data raise for foreign or damaged bytes.
_UNREADABLE = (
    ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, MemoryError, NotImplementedError,
    RuntimeError, TypeError, ValueError, pickle.UnpicklingError, struct.error, zipfile.BadZipFile,
)  # fmt: skip


class Checkpoint:
    """The checkpoint at ``path``. ``adopt`` or ``discard`` what an earlier process left before the first
    ``save``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.previous = previous_path(path)
        self._hash: str | None = None

    def save(self, state: State) -> None:
        """Write ``state`` (tensors, numbers, strings, containers) atomically; raises CheckpointError for
        anything else, and CheckpointSpaceError or OSError where it does not fit on the disk.
        """
        data = serialise(state)
        digest = hashlib.sha256(data).hexdigest()
        aside = aside_path(self.path)
        require_room(self.path, len(data))
        write_aside(aside, data, self.path)
        lines = [f"{digest}  {self.path.name}\n"]
        if self._hash is not None:
            lines.append(f"{self._hash}  {self.previous.name}\n")
        replace_file(checksum_path(self.path), "".join(lines).encode())
        if self._hash is not None:
            self.path.replace(self.previous)
        aside.replace(self.path)
        self._hash = digest

    def load(self) -> State:
        """The newest state; raises CheckpointError if the file is missing or not what was written."""
        return self._read(self.path)

    def candidates(self, skip: Callable[[CheckpointError], None]) -> Iterator[tuple[Path, State]]:
        """What is complete and hash-valid, newest first; ``skip`` is told of what is not, and of a newest one
        that is missing.
        """
        for path in (self.path, self.previous):
            try:
                yield path, self._read(path)
            except CheckpointError as error:
                if path == self.path or path.exists():
                    skip(error)

    @property
    def begun(self) -> bool:
        """Whether anything of it is there, whole or not."""
        return any(path.exists() for path in (self.path, self.previous, checksum_path(self.path)))

    def adopt(self, path: Path) -> None:
        """Go on from ``path``, one of ``candidates``: it becomes the newest state."""
        self._hash = hashlib.sha256(path.read_bytes()).hexdigest()
        if path != self.path:
            path.replace(self.path)

    def discard(self) -> None:
        """Remove every file of this checkpoint."""
        for path in (self.path, self.previous, checksum_path(self.path)):
            path.unlink(missing_ok=True)
        self._hash = None

    def discard_previous(self) -> None:
        """Remove the fallback, once the trial has ended and will not be continued."""
        if self._hash is not None and self.previous.exists():
            self.previous.unlink()
            replace_file(checksum_path(self.path), f"{self._hash}  {self.path.name}\n".encode())

    def check(self) -> None:
        """Raises CheckpointError unless the newest state is whole, or none was ever saved."""
        if self.begun:
            self._bytes(self.path)

    def _read(self, path: Path) -> State:
        return deserialise(self._bytes(path), str(path))

    def _bytes(self, path: Path) -> bytes:
        try:
            data = path.read_bytes()
            known = checksum_path(self.path).read_bytes().decode(errors="replace").split()
        except FileNotFoundError as error:
            raise CheckpointError(f"no checkpoint at {path}: {error.filename} is missing") from error
        digest = hashlib.sha256(data).hexdigest()
        if digest not in known:
            raise CheckpointError(
                f"{path} is damaged: its sha256 is {digest}, which {checksum_path(self.path)} does not list"
            )
        return data


def serialise(state: State) -> memoryview:
    """``state`` as the bytes of a checkpoint."""
    import torch

    buffer = io.BytesIO()
    torch.save({name: encode(value, name) for name, value in state.items()}, buffer)
    return buffer.getbuffer()


def deserialise(data: bytes, source: str) -> State:
    """What ``serialise`` was given; raises CheckpointError naming ``source`` for other data.

    Only tensors and plain data are read, never code: there is no other way, also where this one fails.
    """
    require_floor("torch")
    import torch

    try:
        _refuse_compressed(data)
        state: State = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        return {name: decode(value) for name, value in state.items()}
    except _UNREADABLE as error:
        reason = " ".join(str(error).split())[:300]
        raise CheckpointError(
            f"{source} must hold what `trial.epochs` saves, and cannot be read as tensors and plain data "
            f"({type(error).__name__}: {reason})"
        ) from error


def _refuse_compressed(data: bytes) -> None:
    """torch stores its records as they are: what unfolds to more than itself was made by another hand."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        records = archive.infolist()
    if any(r.compress_type != zipfile.ZIP_STORED for r in records) or sum(r.file_size for r in records) > len(
        data
    ):
        raise ValueError("its records are compressed")
