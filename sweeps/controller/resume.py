"""What the study may lack after a crash, and where it still stands."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from pathlib import Path

from sweeps.paths import RunPaths
from sweeps.spec.model import Metric
from sweeps.study import StudyStore, TrialRecord
from sweeps.trial.curve import read_epochs


def missing_epochs(path: Path, record: TrialRecord, metric: str) -> Iterator[tuple[int, float]]:
    """(epoch, objective) of the reports that a trial's metrics.jsonl holds and the study does not.

    A worker writes its line before it sends its report, and the journal is on the disk up to a second after
    that: a power cut can leave a checkpoint whose epochs the study never heard of. What the latest attempt
    wrote wins over what an earlier one did. Of a trial that does not run, the study may have lost that it was
    started again, and then lacks whole attempts; of those it knows it lacks nothing.
    """
    for row in read_epochs(path):
        if record.state != "RUNNING" and row.attempt <= record.attempt:
            continue
        value = row.metrics.get(metric, math.nan)
        overtaken = row.attempt < record.attempt and row.epoch in record.values
        if not overtaken and math.isfinite(value) and record.values.get(row.epoch) != value:
            yield row.epoch, value


def catch_up(record: TrialRecord, paths: RunPaths, store: StudyStore, metric: Metric) -> bool:
    """Take in what the study lost of a trial's epochs; returns whether it had lost any."""
    missing = list(missing_epochs(paths.trial(record.number).metrics, record, metric.name))
    for epoch, value in missing:
        record.observe(epoch, value, metric.goal)
        store.write_epoch(record.number, epoch, value)
    return bool(missing)


def clear_leftovers(directory: Path) -> None:
    """A new trial must not start from the checkpoint of one that the journal lost with its last second."""
    if directory.is_symlink():
        directory.unlink()
    elif directory.exists():
        shutil.rmtree(directory)
