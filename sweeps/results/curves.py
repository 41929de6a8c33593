"""Every epoch of every trial in memory, as columns: what the epochs table is made of.

An ended trial's ``metrics.jsonl`` never changes, so its rows are read once and kept; only trials that have
not ended are read again.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import nan

from sweeps.paths import RunPaths
from sweeps.study.record import TrialRecord
from sweeps.trial.curve import Row, read_epochs


@dataclass(slots=True)
class Columns:
    """Rows of many trials, column by column; NaN where a row lacks a metric. 8 bytes a cell."""

    number: array[int] = field(default_factory=lambda: array("q"))
    attempt: array[int] = field(default_factory=lambda: array("q"))
    epoch: array[int] = field(default_factory=lambda: array("q"))
    time: array[float] = field(default_factory=lambda: array("d"))
    metrics: dict[str, array[float]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.number)

    def append(self, number: int, row: Row) -> None:
        for name in row.metrics.keys() - self.metrics.keys():
            self.metrics[name] = array("d", [nan]) * len(self)
        self.number.append(number)
        self.attempt.append(row.attempt)
        self.epoch.append(row.epoch)
        self.time.append(row.time)
        for name, column in self.metrics.items():
            column.append(row.metrics.get(name, nan))


class Curves:
    """The epochs of one sweep, read from its trials' ``metrics.jsonl``."""

    def __init__(self, paths: RunPaths) -> None:
        self._paths = paths
        self._ended = Columns()
        self._known: set[int] = set()

    def read(self, records: Iterable[TrialRecord]) -> tuple[Columns, Columns]:
        """(rows of ended trials, rows of the others) of ``records``; reads only what may have changed.

        Of an ended trial only the epochs that the study knows are kept: a worker killed before its message
        arrived may have written one more.
        """
        live = Columns()
        for record in records:
            if record.number in self._known:
                continue
            rows = read_epochs(self._paths.trial(record.number).metrics)
            if record.ended:
                self._known.add(record.number)
                _extend(self._ended, record.number, (row for row in rows if row.epoch in record.values))
            else:
                _extend(live, record.number, rows)
        return self._ended, live


def _extend(columns: Columns, number: int, rows: Iterable[Row]) -> None:
    for row in rows:
        columns.append(number, row)
