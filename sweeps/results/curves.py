"""Every epoch of every trial in memory, as columns, and a note on each: what the tables are made of.

An ended trial's folder never changes, so it is read once and its rows are kept; only trials that have not
ended are read again.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import nan

from sweeps.messages import Goal
from sweeps.paths import RunPaths, TrialPaths
from sweeps.results.notes import Note, note_of
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
    """The epochs of one sweep, read from its trials' ``metrics.jsonl``.

    ``notes`` holds, by number, what else their folders said when they were read last.
    """

    def __init__(self, paths: RunPaths, metric: str, goal: Goal) -> None:
        self._paths = paths
        self._metric = metric
        self._goal = goal
        self._ended = Columns()
        self._known: set[int] = set()
        self.notes: dict[int, Note] = {}

    def read(self, records: Iterable[TrialRecord]) -> tuple[Columns, Columns]:
        """(rows of ended trials, rows of the others) of ``records``; reads only what may have changed."""
        live = Columns()
        for record in records:
            if record.number in self._known:
                continue
            paths = self._paths.trial(record.number)
            rows = known_epochs(paths, record)
            _extend(self._ended if record.ended else live, record.number, rows)
            self.notes[record.number] = note_of(paths, record, rows, self._metric, self._goal)
            if record.ended:
                self._known.add(record.number)
        return self._ended, live


def known_epochs(paths: TrialPaths, record: TrialRecord) -> list[Row]:
    """The epochs of a trial; of an ended one only those that the study knows.

    A worker killed before its message arrived may have written one more.
    """
    rows = read_epochs(paths.metrics)
    return [row for row in rows if row.epoch in record.values] if record.ended else rows


def _extend(columns: Columns, number: int, rows: Iterable[Row]) -> None:
    for row in rows:
        columns.append(number, row)
