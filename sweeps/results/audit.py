"""Whether the tables on disk read back, and equal what the study and the trials' folders give now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from sweeps.paths import RunPaths
from sweeps.results.curves import Curves
from sweeps.results.layout import Layout
from sweeps.results.pareto import front_table
from sweeps.results.seal import is_broken
from sweeps.results.tables import schemas
from sweeps.results.writer import build_tables, csv_bytes, journal_stamp, read_cached
from sweeps.study.record import TrialRecord

if TYPE_CHECKING:
    from sweeps.spec import SweepSpec

_TRIES = 3  # while the sweep runs its study may grow under the reader


def _read_csv(path: Path) -> pa.Table:
    return pyarrow.csv.read_csv(path, parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True))


def _read_parquet(path: Path) -> None:
    data = path.read_bytes()
    pyarrow.parquet.read_table(pa.BufferReader(data), page_checksum_verification=True)
    if is_broken(data):
        raise ValueError("its sha256 is not the one that was written into it")


def unreadable_tables(paths: RunPaths) -> Iterator[str]:
    """One line for each table that is there and does not read back, whole and as it was written."""
    readers = {
        paths.trials_parquet: _read_parquet,
        paths.epochs_parquet: _read_parquet,
        paths.trials_csv: _read_csv,
        paths.pareto_csv: _read_csv,
    }
    for path, read in readers.items():
        try:
            if path.exists():
                read(path)
        except (pa.ArrowException, OSError, ValueError) as error:
            cause = (str(error).splitlines() or [type(error).__name__])[0]
            yield f"{path.name} does not read back: {cause}; the next run writes it anew"


def differing_tables(paths: RunPaths, spec: SweepSpec, records: Sequence[TrialRecord]) -> list[str] | None:
    """One line for each column in which a table differs from a rebuild out of ``records``.

    None where that cannot be told: the tables are older than the study (readers then rebuild them), or the
    study grows. Of a sweep that has not ended only the trials that have are compared.
    """
    for _ in range(_TRIES):
        stamp = journal_stamp(paths)
        curves = Curves(paths, spec.metric.name, spec.metric.goal)
        built_trials, built_epochs = build_tables(records, curves, Layout.of(spec))
        of_trials, of_epochs = schemas(Layout.of(spec))
        trials = read_cached(paths.trials_parquet, stamp, of_trials)
        epochs = read_cached(paths.epochs_parquet, stamp, of_epochs)
        if trials is None or epochs is None:
            return None
        if journal_stamp(paths) == stamp:
            break
    else:
        return None
    ended = {record.number for record in records if record.ended}
    lines = [
        *_differences(paths.trials_parquet, trials, built_trials, ended),
        *_differences(paths.epochs_parquet, epochs, built_epochs, ended),
    ]
    if len(ended) == len(records):
        lines += _differing_csv(paths.trials_csv, built_trials)
        if spec.metric.further:
            lines += _differing_csv(paths.pareto_csv, front_table(built_trials, Layout.of(spec)))
    return lines


def _differing_csv(path: Path, built: pa.Table) -> list[str]:
    if not path.exists() or path.read_bytes() == csv_bytes(built):
        return []
    return [f"{path.name} differs from the trials of the study"]


def _differences(path: Path, found: pa.Table, built: pa.Table, ended: set[int]) -> Iterator[str]:
    """Columns come and go with what running trials report, so only those of both are compared."""
    found_rows, built_rows = _of_ended(found, ended), _of_ended(built, ended)
    if len(found_rows) != len(built_rows):
        yield f"{path.name} has {len(found_rows)} rows of ended trials, and the study gives {len(built_rows)}"
        return
    for name in (name for name in found_rows.column_names if name in built_rows.column_names):
        ours, theirs = found_rows[name].to_pandas(), built_rows[name].to_pandas()
        if ours.dtype == theirs.dtype and not ours.equals(theirs):
            row = next(i for i in range(len(ours)) if not ours[i : i + 1].equals(theirs[i : i + 1]))
            number = found_rows["number"][row].as_py()
            told = f"is {ours[row]!r}, and the study gives {theirs[row]!r}"
            yield f"{path.name}: {name} of trial {number} {told}"


def _of_ended(table: pa.Table, ended: set[int]) -> pa.Table:
    return table.filter(pa.array([number in ended for number in table["number"].to_pylist()], pa.bool_()))
