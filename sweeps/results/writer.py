"""The files of the two tables: written whole and put in place at once, with a stamp that tells their age."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from sweeps.paths import RunPaths, replace_file
from sweeps.results.curves import Curves
from sweeps.results.layout import Layout
from sweeps.results.tables import epochs_table, trials_table
from sweeps.study.record import TrialRecord

FORMAT = 2  # of the tables; part of every stamp, so that tables of another version count as stale
REFRESH_INTERVAL = 10.0  # seconds
_REST = 20.0  # a refresh is followed by at least this many times its own duration without one
_STAMP = b"sweeps.stamp"


class TableWriter:
    """Keeps ``trials.parquet``, ``trials.csv`` and ``epochs.parquet`` of a running sweep near its study.

    A ``stamp`` is any integer that grows with the study, such as its journal's length in bytes, taken before
    the records are read; the same stamp means the same content.
    """

    def __init__(self, paths: RunPaths, layout: Layout, interval: float = REFRESH_INTERVAL) -> None:
        self._paths = paths
        self._layout = layout
        self._interval = interval
        self._curves = Curves(paths, layout.metric, layout.goal)
        self._due = time.monotonic() + interval

    def refresh(self, records: Sequence[TrialRecord], stamp: int | None) -> bool:
        """`write` if it is due: at most every ``interval`` seconds and for at most a twentieth of the time.

        Returns whether it wrote.
        """
        if time.monotonic() < self._due:
            return False
        self.write(records, stamp)
        return True

    def write(self, records: Sequence[TrialRecord], stamp: int | None) -> None:
        """Write all three files. ``records`` are all trials of the sweep, by number."""
        begun = time.monotonic()
        trials, epochs = build_tables(records, self._curves, self._layout)
        replace_file(self._paths.epochs_parquet, _parquet(epochs, stamp))
        replace_file(self._paths.trials_csv, csv_bytes(trials))
        replace_file(self._paths.trials_parquet, _parquet(trials, stamp))
        now = time.monotonic()
        self._due = now + max(self._interval, _REST * (now - begun))


def build_tables(records: Sequence[TrialRecord], curves: Curves, layout: Layout) -> tuple[pa.Table, pa.Table]:
    """(trials, epochs) as they stand."""
    epochs = epochs_table(curves.read(records), layout)
    return trials_table(records, epochs, curves.notes, layout), epochs


def journal_stamp(paths: RunPaths) -> int | None:
    """The stamp of the study as it is now; None where it is kept in a database, whose age nobody can tell."""
    return paths.journal.stat().st_size if paths.journal.exists() else None


def read_fresh(path: Path, stamp: int | None) -> pa.Table | None:
    """The table at ``path`` if it was written with this stamp, else None; a stamp of None is never fresh."""
    try:
        table = pa.parquet.read_table(path, page_checksum_verification=True)
    except (OSError, pa.ArrowException):  # it is not there, or damaged
        return None
    written = (table.schema.metadata or {}).get(_STAMP)
    return table if stamp is not None and written == _stamp(stamp) else None


def _stamp(stamp: int | None) -> bytes:
    return b"" if stamp is None else f"{FORMAT}:{stamp}".encode()


def _parquet(table: pa.Table, stamp: int | None) -> bytes:
    sink = pa.BufferOutputStream()
    stamped = table.replace_schema_metadata({**(table.schema.metadata or {}), _STAMP: _stamp(stamp)})
    pa.parquet.write_table(stamped, sink, write_page_checksum=True)
    return bytes(sink.getvalue())


def csv_bytes(table: pa.Table) -> bytes:
    """``trials.csv`` of this table."""
    sink = pa.BufferOutputStream()
    pa.csv.write_csv(table, sink)
    return bytes(sink.getvalue())
