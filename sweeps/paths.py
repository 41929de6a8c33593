"""The one owner of file names inside a results folder.

results/cnn/
    sweep.yaml  resolved.yaml  manifest.json  env.json  lock  study.journal  events.jsonl
    warm_start.json   what was taken from earlier sweeps, if the YAML names any
                   (study.journal.1, sweep.yaml.1, ... as they were before the first edit;
                   study.journal.v1, manifest.json.v1 before a migration from format version 1)
    trials.parquet  trials.csv  epochs.parquet  (of several metrics also pareto.csv  pareto.svg)
    trials/0007/   metrics.jsonl  facts.json  log.txt  last.pt  best.pt  inherited.pt  (*.sha256 beside each
                   .pt; log.1.txt; log.rank1.txt ... of a distributed trial)
    best/          model.safetensors  config.json  metrics.json  schedule.json  selection.json  test.json
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TrialPaths:
    """Files of one trial, all inside ``directory``."""

    directory: Path

    @property
    def metrics(self) -> Path:
        return self.directory / "metrics.jsonl"

    @property
    def facts(self) -> Path:
        return self.directory / "facts.json"

    @property
    def log(self) -> Path:
        return self.directory / "log.txt"

    def rank_log(self, rank: int) -> Path:
        """Where one rank of a distributed trial prints: rank 0's log is the trial's."""
        return self.log if rank == 0 else self.directory / f"log.rank{rank}.txt"

    @property
    def last(self) -> Path:
        return self.directory / "last.pt"

    @property
    def best(self) -> Path:
        return self.directory / "best.pt"

    @property
    def inherited(self) -> Path:
        """Another trial's ``last.pt``, until this trial has saved an epoch after it."""
        return self.directory / "inherited.pt"


@dataclass(frozen=True, slots=True)
class BestPaths:
    """The release bundle of the winner."""

    directory: Path

    @property
    def model(self) -> Path:
        return self.directory / "model.safetensors"

    @property
    def config(self) -> Path:
        return self.directory / "config.json"

    @property
    def metrics(self) -> Path:
        return self.directory / "metrics.json"

    @property
    def schedule(self) -> Path:
        return self.directory / "schedule.json"

    @property
    def selection(self) -> Path:
        return self.directory / "selection.json"

    @property
    def test(self) -> Path:
        return self.directory / "test.json"


@dataclass(frozen=True, slots=True)
class RunPaths:
    """Files of one sweep, all inside ``root``."""

    root: Path

    @property
    def sweep_yaml(self) -> Path:
        return self.root / "sweep.yaml"

    @property
    def resolved_yaml(self) -> Path:
        return self.root / "resolved.yaml"

    @property
    def manifest(self) -> Path:
        return self.root / "manifest.json"

    @property
    def env(self) -> Path:
        return self.root / "env.json"

    @property
    def warm_start(self) -> Path:
        return self.root / "warm_start.json"

    @property
    def lock(self) -> Path:
        return self.root / "lock"

    @property
    def journal(self) -> Path:
        return self.root / "study.journal"

    @property
    def events(self) -> Path:
        return self.root / "events.jsonl"

    @property
    def staged_edit(self) -> Path:
        """Where an edit is prepared; what it holds counts for nothing."""
        return self.root / ".edit"

    @property
    def edit(self) -> Path:
        """An edit that stands: its files are those of the sweep, and have only to be put in their places."""
        return self.root / "edit"

    def current(self, path: Path) -> Path:
        """Where the file that belongs at ``path`` is, an edit that was cut short included."""
        edited = self.edit / path.name
        return edited if edited.exists() else path

    def was_edited(self) -> bool:
        """Whether a file is kept from before an edit."""
        return any(self.root.glob(f"{self.resolved_yaml.name}.*"))

    @property
    def trials_parquet(self) -> Path:
        return self.root / "trials.parquet"

    @property
    def trials_csv(self) -> Path:
        return self.root / "trials.csv"

    @property
    def pareto_csv(self) -> Path:
        return self.root / "pareto.csv"

    @property
    def pareto_svg(self) -> Path:
        return self.root / "pareto.svg"

    @property
    def epochs_parquet(self) -> Path:
        return self.root / "epochs.parquet"

    @property
    def best(self) -> BestPaths:
        return BestPaths(self.root / "best")

    @property
    def trials(self) -> Path:
        return self.root / "trials"

    def trial(self, number: int) -> TrialPaths:
        return TrialPaths(self.trials / f"{number:04d}")


def shown(path: Path) -> str:
    """``path`` as a person in the working directory would type it."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def make_folder(path: Path) -> None:
    """Make a folder that is its owner's alone (0700), unless it stands already."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def checksum_path(checkpoint: Path) -> Path:
    """Where the sha256 of ``checkpoint`` is kept."""
    return checkpoint.with_name(checkpoint.name + ".sha256")


def previous_path(checkpoint: Path) -> Path:
    """Where the checkpoint before ``checkpoint`` is kept while its trial runs: best.prev.pt."""
    return checkpoint.with_name(f"{checkpoint.stem}.prev{checkpoint.suffix}")


def aside_path(checkpoint: Path) -> Path:
    """Where a new ``checkpoint`` is written until it is whole."""
    return checkpoint.with_name(f".{checkpoint.name}.tmp")


def rotated_path(log: Path) -> Path:
    """Where the end of a long ``log`` is kept when it is begun anew: log.1.txt."""
    return log.with_name(f"{log.stem}.1{log.suffix}")


# Logs, checkpoints, what is beside them, and what is written aside.
_WRITTEN = re.compile(r"log(\.1|\.rank\d+(\.1)?)?\.txt|(last|best|inherited)(\.prev)?\.pt(\.sha256)?|\..*")


def is_written(name: str) -> bool:
    """Whether a sweep writes a file of this name into a trial's folder."""
    return name in ("metrics.jsonl", "facts.json") or _WRITTEN.fullmatch(name) is not None


def belongs_to_us(folder: Path) -> bool:
    """Whether it is this user's, or the administrator's."""
    return folder.stat().st_uid in (os.geteuid(), 0)


def is_inside(path: Path, root: Path) -> bool:
    """Whether ``path``, its links followed, lies in ``root``."""
    try:
        return path.resolve().is_relative_to(root.resolve())
    except RuntimeError:  # a link that leads to itself
        return False


def numbered_path(path: Path, mark: object) -> Path:
    """Where ``path`` is kept as it was: study.journal.1, or study.journal.v1."""
    return path.with_name(f"{path.name}.{mark}")


def replace_file(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Write ``data`` to ``path`` so that a reader sees the old or the new content, never a part.

    Unless ``durable``, which waits for the disk, that holds for processes that die but not for a power cut.
    A new file is its owner's alone (0600). An OSError names ``path``.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    write_aside(aside, data, path, durable=durable)
    aside.replace(path)


def write_aside(aside: Path, data: bytes | memoryview, path: Path, *, durable: bool = True) -> None:
    """Write ``data`` to ``aside``, which is to become ``path``; what does not fit on the disk is removed."""
    try:
        aside.unlink(missing_ok=True)  # a dead process's; or a link, which is not to be followed
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
    except OSError as error:
        aside.unlink(missing_ok=True)
        error.filename = str(path)
        raise
