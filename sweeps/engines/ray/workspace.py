"""The folder that a trial works in, as seen from its node: the driver's own, or one of this node.

Where nodes share no folder with the driver, checkpoints go to the storage, and the small files (metrics, log,
facts) to the driver, with the words that are said anyway.
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from sweeps.engines.output import cap_log
from sweeps.engines.ray.storage import Storage, StoredCheckpoints
from sweeps.errors import UsageError
from sweeps.lines import open_to_append
from sweeps.messages import TrialSpec
from sweeps.paths import TrialPaths, make_folder, replace_file, rotated_path

_PREFIX = "sweeps-trials-"  # of folders for temporary files
_LOCK = "lock"


@dataclass(frozen=True, slots=True)
class Piece:
    """What a file of a trial has gained: ``data`` is to be appended, or, if ``whole``, to replace it."""

    name: str
    data: bytes
    whole: bool = False


class Workspace(Protocol):
    """Called by the seat for each of its trials: ``enter``, ``sync`` before each report, ``leave``."""

    def enter(self, spec: TrialSpec) -> TrialSpec:
        """The trial as its worker is to see it."""

    def sync(self) -> tuple[Piece, ...]:
        """Put checkpoints where another node finds them; returns what the driver must get."""

    def leave(self) -> tuple[Piece, ...]:
        """As ``sync``, for the last time."""

    def close(self) -> None:
        """Remove what was made on this node."""


class SharedWorkspace:
    """Every node sees the driver's results folder."""

    def enter(self, spec: TrialSpec) -> TrialSpec:
        """Raises UsageError if this node does not see the folder."""
        if not spec.directory.parent.is_dir():
            raise UsageError(
                f"every node must see the results folder, and one does not see {spec.directory.parent}: put "
                "it on a shared file system (sweep run --results), or give storage_path: a place that all "
                "nodes reach"
            )
        return spec

    def sync(self) -> tuple[Piece, ...]:
        return ()

    def leave(self) -> tuple[Piece, ...]:
        return ()

    def close(self) -> None:
        """Nothing was made."""


class OwnWorkspace:
    """A folder of this node, emptied after each trial."""

    def __init__(self, storage: Storage, ranks: int = 1) -> None:
        """``ranks``: the processes of one trial."""
        self._storage = storage
        self._ranks = ranks
        _remove_orphans()
        self._root = Path(tempfile.mkdtemp(prefix=_PREFIX))
        # Held while this process lives: an actor that is killed cannot tidy up.
        self._lock = open(self._root / _LOCK, "wb")  # noqa: SIM115  closed with the workspace
        fcntl.flock(self._lock, fcntl.LOCK_EX)

    def enter(self, spec: TrialSpec) -> TrialSpec:
        seen = self.visit(spec, fetch=spec.attempt > 1)
        if spec.attempt == 1:
            self._checkpoints.discard()
        return seen

    def visit(self, spec: TrialSpec, *, fetch: bool = True) -> TrialSpec:
        """As ``enter``, for one who only reads the checkpoints."""
        directory = self._root / spec.directory.parent.parent.name / "trials" / spec.directory.name
        shutil.rmtree(directory, ignore_errors=True)
        make_folder(directory)
        self._directory = directory
        self._checkpoints = StoredCheckpoints(self._storage, directory)
        if fetch:
            self._checkpoints.fetch()
        paths = TrialPaths(directory)
        logs = [paths.rank_log(rank) for rank in range(self._ranks)]
        self._growing = [_Growing(path) for path in (paths.metrics, *logs)]
        self._facts = b""
        return replace(spec, directory=directory)

    def sync(self) -> tuple[Piece, ...]:
        self._checkpoints.send()
        return tuple(self._pieces())

    def leave(self) -> tuple[Piece, ...]:
        self._checkpoints.finish()
        pieces = tuple(self._pieces())
        shutil.rmtree(self._directory, ignore_errors=True)
        return pieces

    def bundle(self) -> Path:
        """A folder for the release of the trial visited."""
        bundle = self._directory / "bundle"
        make_folder(bundle)
        return bundle

    def bundled(self) -> tuple[Piece, ...]:
        """What has been put there."""
        return tuple(Piece(path.name, path.read_bytes(), whole=True) for path in self.bundle().iterdir())

    def log(self) -> tuple[Piece, ...]:
        """What the visit has printed."""
        return tuple(piece for piece in self._pieces() if piece.name == TrialPaths(self._directory).log.name)

    def close(self) -> None:
        shutil.rmtree(self._root, ignore_errors=True)
        self._lock.close()

    def _pieces(self) -> Sequence[Piece]:
        pieces = [piece for file in self._growing for piece in file.gained()]
        facts = TrialPaths(self._directory).facts
        if facts.exists() and (data := facts.read_bytes()) != self._facts:
            self._facts = data
            pieces.append(Piece(facts.name, data, whole=True))
        return pieces


def _remove_orphans() -> None:
    """Remove the folders of actors that were killed on this node."""
    for lock in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/{_LOCK}"):
        with contextlib.suppress(OSError), open(lock, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # refused while its owner lives
            shutil.rmtree(lock.parent, ignore_errors=True)


class _Growing:
    """A file that is appended to, and, if a log, begun anew when it is long."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read = 0
        self._cut = self._last_cut()

    def gained(self) -> list[Piece]:
        """What it has gained since the last call; all that is kept of it, if it was begun anew since."""
        if not self.path.exists():
            return []
        if (cut := self._last_cut()) == self._cut:
            data = self._from(self._read)
            self._read += len(data)
            return [Piece(self.path.name, data)] if data else []
        self._cut = cut
        end, data = rotated_path(self.path), self._from(0)
        self._read = len(data)
        return [Piece(end.name, end.read_bytes(), whole=True), Piece(self.path.name, data, whole=True)]

    def _last_cut(self) -> int | None:
        """Which file holds the end of what was there before."""
        try:
            return rotated_path(self.path).stat().st_mtime_ns
        except FileNotFoundError:
            return None

    def _from(self, offset: int) -> bytes:
        with open(self.path, "rb") as file:
            file.seek(offset)
            return file.read()


def receive(directory: Path, pieces: Sequence[Piece]) -> None:
    """Write what a node has sent into a trial's folder at the driver."""
    if not pieces:
        return
    make_folder(directory)
    for piece in pieces:
        path = directory / Path(piece.name).name  # what comes over a network stays in the folder
        if piece.whole:
            replace_file(path, piece.data, durable=False)
        else:
            with open(open_to_append(path), "ab") as file:
                file.write(piece.data)
    TrialPaths(directory).log.touch(0o600)  # as a worker beside the driver would have made it
    cap_log(TrialPaths(directory).log)
