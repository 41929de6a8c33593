"""The files of the two tables: written whole and put in place at once, with a stamp that tells their age."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from sweeps.errors import CorruptStudyError
from sweeps.paths import RunPaths, replace_file
from sweeps.results.csv_cells import safe_table
from sweeps.results.curves import Curves
from sweeps.results.layout import Layout
from sweeps.results.pareto import front_table
from sweeps.results.scatter import pareto_svg
from sweeps.results.seal import sealed
from sweeps.results.tables import described, epochs_table, fits, trials_table
from sweeps.study.record import TrialRecord

FORMAT = 3  # of the tables; part of every stamp, so that tables of another version count as stale
REFRESH_INTERVAL = 10.0  # seconds
_REST = 20.0  # a refresh is followed by at least this many times its own duration without one
_STAMP = b"sweeps.stamp"
_UNREADABLE = (OSError, ValueError, pa.ArrowException)
_LEAST_RECORD = 20  # bytes of the journal that a row stands for, at the very least


class TableWriter:
    """Keeps ``trials.parquet``, ``trials.csv`` and ``epochs.parquet`` of a running sweep near its study, and
    where there are several metrics ``pareto.csv`` and ``pareto.svg``.

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
        """Write all files. ``records`` are all trials of the sweep, by number."""
        begun = time.monotonic()
        trials, epochs = build_tables(records, self._curves, self._layout)
        replace_file(self._paths.epochs_parquet, _parquet(epochs, stamp))
        replace_file(self._paths.trials_csv, csv_bytes(trials))
        if self._layout.further:
            front = front_table(trials, self._layout)
            replace_file(self._paths.pareto_csv, csv_bytes(front))
            replace_file(self._paths.pareto_svg, pareto_svg(trials, self._layout).encode())
        replace_file(self._paths.trials_parquet, _parquet(trials, stamp))
        now = time.monotonic()
        self._due = now + max(self._interval, _REST * (now - begun))


def build_tables(records: Sequence[TrialRecord], curves: Curves, layout: Layout) -> tuple[pa.Table, pa.Table]:
    """(trials, epochs) as they stand.

    Raises:
        CorruptStudyError: a value of the study is not of its parameter's type.
    """
    try:
        epochs = epochs_table(curves.read(records), layout)
        return trials_table(records, epochs, curves.notes, layout), epochs
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        raise CorruptStudyError(
            f"the study's values must be of the types that the spec gives them, and are not ({error}): "
            "restore study.journal and resolved.yaml from the same backup"
        ) from error


def journal_stamp(paths: RunPaths) -> int | None:
    """The stamp of the study as it is now; None where it is kept in a database, whose age nobody can tell."""
    journal = paths.current(paths.journal)
    return journal.stat().st_size if journal.exists() else None


def read_cached(path: Path, stamp: int | None, wanted: pa.Schema) -> pa.Table | None:
    """As `read_fresh`, of a file that anyone may have written.

    One whose columns are not those ``wanted``, metrics and facts besides, is stale, and so is one with more
    rows than a journal of ``stamp`` bytes has records. Of what it says for pandas nothing is used.
    """
    if stamp is None:
        return None
    try:
        with pa.parquet.ParquetFile(path) as file:
            if file.metadata.num_rows * _LEAST_RECORD > stamp or not fits(file.schema_arrow, wanted):
                return None
    except _UNREADABLE:
        return None
    table = read_fresh(path, stamp)
    return None if table is None else described(table)


def read_fresh(path: Path, stamp: int | None) -> pa.Table | None:
    """The table at ``path`` if it was written with this stamp, else None; a stamp of None is never fresh."""
    try:
        with pa.parquet.ParquetFile(path, page_checksum_verification=True) as file:
            if stamp is None or (file.schema_arrow.metadata or {}).get(_STAMP) != _stamp(stamp):
                return None
            return file.read()
    except _UNREADABLE:
        return None


def _stamp(stamp: int | None) -> bytes:
    return b"" if stamp is None else f"{FORMAT}:{stamp}".encode()


def _parquet(table: pa.Table, stamp: int | None) -> bytes:
    sink = pa.BufferOutputStream()
    stamped = table.replace_schema_metadata({**(table.schema.metadata or {}), _STAMP: _stamp(stamp)})
    pa.parquet.write_table(stamped, sink, write_page_checksum=True)
    return sealed(bytes(sink.getvalue()))


def csv_bytes(table: pa.Table) -> bytes:
    """``trials.csv`` of this table."""
    sink = pa.BufferOutputStream()
    pa.csv.write_csv(safe_table(table), sink)
    return bytes(sink.getvalue())
