"""A results folder, read: what ``sweeps.load("results/cnn")`` returns."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from sweeps.disk import disk_message, full_disk
from sweeps.errors import DiskFullError, RefusedError, SweepError, UsageError
from sweeps.paths import RunPaths, shown
from sweeps.results.attempts import attempts_table
from sweeps.results.bundle import write_bundle
from sweeps.results.curves import Curves
from sweeps.results.frames import to_frame
from sweeps.results.layout import Layout
from sweeps.results.lineage import lineage_frame
from sweeps.results.model import load_model
from sweeps.results.pareto import front_columns
from sweeps.results.tables import schemas
from sweeps.results.winner import Winner, find_trial, find_winner
from sweeps.results.writer import build_tables, journal_stamp, read_cached
from sweeps.spec import SweepSpec, load_resolved
from sweeps.study import TrialRecord, is_locked, read_reason, read_records

if TYPE_CHECKING:
    import pandas as pd


def load(directory: str | Path) -> Results:
    """Read the results folder of a sweep, finished, interrupted or running; nothing in it is changed.

    Raises:
        UsageError: ``directory`` is not a results folder.
        CorruptStudyError: what it holds is damaged; so does what reads more of it.
    """
    paths = RunPaths(Path(directory).absolute())
    if not paths.resolved_yaml.is_file():
        raise UsageError(
            f"{directory}: a results folder holds a resolved.yaml, and this has none: "
            "give the folder that `sweep run` wrote, such as results/cnn"
        )
    return Results(paths, load_resolved(paths))


class Results:
    """The tables, the winner and the model of one sweep.

    Everything is read when first asked for and then kept: a snapshot. `load` again to see a running sweep
    move on. No code of the user's is imported, save by `load_model`.
    """

    def __init__(
        self, paths: RunPaths, spec: SweepSpec, reason: str | None = None, notes: Sequence[str] = ()
    ) -> None:
        """``reason`` and ``notes`` are those of a run that has just ended, where one has."""
        self.spec = spec
        self.directory = paths.root
        # What `sweep run` tells at the end: failures by cause, what was not done, ... They are of the run
        # that returned this; `load` has none, and `trials` the errors.
        self.notes = tuple(notes)
        self._reason = reason
        self._paths = paths

    def __repr__(self) -> str:
        return f"<Results of {self.spec.name!r} in {self.directory}>"

    @cached_property
    def reason(self) -> str | None:
        """Why the last run ended: ``budget.trials`` or another part of it, ``space exhausted``, ``breaker``,
        ``disk``, ``interrupted``; None while it runs, and where it was killed.
        """
        return self._reason or read_reason(self._paths, self.spec.name, self.spec.storage)

    @property
    def trials(self) -> pd.DataFrame:
        """One row a trial; the columns are those of ``trials.parquet``."""
        return to_frame(self._tables[0])

    @property
    def epochs(self) -> pd.DataFrame:
        """One row for each (number, epoch), sorted: number, attempt, epoch, time, then the metrics."""
        return to_frame(self._tables[1])

    @property
    def attempts(self) -> pd.DataFrame:
        """One row an attempt of a trial, in the order of their starts: the time line of the sweep.

        Columns: number, attempt, worker, started, ended (UTC), seconds, state, stop_reason, error, of the
        attempt where `trials` has those of the trial: one that failed and was retried is FAILED here.
        ``ended`` and ``seconds`` are missing while it runs, and where the driver was killed under it.
        """
        return to_frame(self._attempts)

    @property
    def lineage(self) -> pd.DataFrame:
        """Population-based training: one row an exploit, by epoch and number; empty for other sweeps.

        Trial ``number`` went on from what trial ``parent`` held after ``epoch``; ``changed`` is a dict
        {parameter: (old, new)} of its configuration.
        """
        return lineage_frame(self._records)

    @property
    def pareto(self) -> pd.DataFrame:
        """The front: the trials that no other one beats in every objective, the best by the leading metric
        first. Of one metric these are the best ones.

        Columns: number, best.X of every objective X, best_epoch, epochs, seconds, params.*
        """
        layout, trials = Layout.of(self.spec), self.trials
        columns = front_columns(layout, [*trials.columns])
        numbers = [record.number for record in self.spec.objectives.front(self._records)]
        return trials.set_index("number", drop=False).loc[numbers, columns].reset_index(drop=True)

    @cached_property
    def best(self) -> Winner:
        """The best COMPLETE trial so far; of several metrics that of `pareto` which is best by the first.

        Raises:
            NoUsableTrialError: there is none.
        """
        return find_winner(self._paths, self.spec, self._records)

    def load_model(self, build: Callable[[Any], Any] | None = None) -> Any:
        """The winner's model with the weights of its best epoch, on the CPU and in ``eval`` mode.

        ``build(config)`` makes the untrained model; by default it is the function ``build_model`` of the
        training function's module.

        Raises:
            NoUsableTrialError: no trial is COMPLETE.
            CheckpointError: the winner saved no model, or its checkpoint is damaged.
            UsageError: there is no ``build_model``, or what it builds does not fit the weights.
        """
        return load_model(self._paths, self.spec, self.best, build)

    def export(self, directory: str | Path, trial: int | None = None) -> Path:
        """Put the winner's bundle (model.safetensors, config.json, ...) into a new ``directory``, or that of
        another COMPLETE ``trial``, such as one of `pareto`.

        It is a copy of ``best/``, or is made from the winner's checkpoint where ``best/`` is not there yet or
        holds an earlier winner; ``test.json`` is part of it only if the winner was tested.

        Raises:
            NoUsableTrialError: no trial is COMPLETE.
            RefusedError: ``directory`` exists and is not empty.
            DiskFullError, UsageError: it cannot be written to.
            UsageError: ``trial`` is not COMPLETE.
            CheckpointError: its checkpoint was not kept, or is damaged.
        """
        target = Path(directory).absolute()
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise RefusedError(
                f"{directory}: export writes into a new folder only, and this has content: name another"
            )
        best = self.best if trial is None else find_trial(self._paths, self.spec, self._records, trial)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
            try:
                write_bundle(self._paths, self.spec, best, aside)
                aside.replace(target)
            finally:
                shutil.rmtree(aside, ignore_errors=True)
        except OSError as error:
            raise _of_the_disk(error, target) from error
        return target

    @cached_property
    def _records(self) -> list[TrialRecord]:
        return self._read_records()

    def _read_records(self) -> list[TrialRecord]:
        metric = self.spec.metric
        return read_records(self._paths, self.spec.name, metric.goal, self.spec.storage)

    @cached_property
    def _attempts(self) -> pa.Table:
        return attempts_table(self._paths, self._read_records())

    @cached_property
    def _tables(self) -> tuple[pa.Table, pa.Table]:
        stamp = journal_stamp(self._paths)
        layout = Layout.of(self.spec)
        of_trials, of_epochs = schemas(layout)
        trials = read_cached(self._paths.trials_parquet, stamp, of_trials)
        epochs = read_cached(self._paths.epochs_parquet, stamp, of_epochs)
        if trials is not None and epochs is not None and not self._is_abandoned(trials):
            return trials, epochs
        curves = Curves(self._paths, self.spec.metric.name, self.spec.metric.goal)
        return build_tables(self._records, curves, layout)

    def _is_abandoned(self, trials: pa.Table) -> bool:
        """Whether the table says RUNNING of a trial whose driver is dead, killed since it was written."""
        return "RUNNING" in trials["state"].to_pylist() and not is_locked(self._paths.lock)


def _of_the_disk(error: OSError, target: Path) -> SweepError:
    full = full_disk(error)
    if full is not None:
        return DiskFullError(f"{disk_message(full, target)}, and do the same again")
    return UsageError(
        f"{shown(target)}: the bundle must go to a folder that can be written: {error.strerror}; name another"
    )
