"""What the study may lack after a crash, and where it still stands."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sweeps.study import TrialRecord


def missing_epochs(path: Path, record: TrialRecord, metric: str) -> Iterator[tuple[int, float]]:
    """(epoch, objective) of the reports that a trial's metrics.jsonl holds and the study does not.

    A worker writes its line before it sends its report, and the journal is on the disk up to a second after
    that: a power cut can leave a checkpoint whose epochs the study never heard of. What the latest attempt
    wrote wins over what an earlier one did.
    """
    if not path.exists():
        return
    with open(path, "rb") as file:
        for line in file:
            row = _row(line)
            if row is None or (row["attempt"] < record.attempt and row["epoch"] in record.values):
                continue
            value = float(row["metrics"].get(metric, math.nan))
            if math.isfinite(value) and record.values.get(row["epoch"]) != value:
                yield row["epoch"], value


def _row(line: bytes) -> dict[str, Any] | None:
    """None for a line that was cut short."""
    try:
        row: dict[str, Any] = json.loads(line)
    except ValueError:
        return None
    return row


def clear_leftovers(directory: Path) -> None:
    """A new trial must not start from the checkpoint of one that the journal lost with its last second."""
    if directory.exists():
        shutil.rmtree(directory)
