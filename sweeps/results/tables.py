"""The two tables of a sweep, as Arrow tables: one row a trial, and one row an epoch.

The trials' one carries the metadata by which pandas keeps whole numbers whole where some are missing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import nan

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sweeps.results.curves import Columns
from sweeps.results.layout import Layout, is_json_text, typed_column
from sweeps.results.notes import Note
from sweeps.study.record import TrialRecord
from sweeps.trial.facts import Fact

Floats = npt.NDArray[np.float64]
_TIMESTAMP = pa.timestamp("us", tz="UTC")
_PLAIN = (pa.bool_(), pa.int64(), pa.float64(), pa.string())
_HASH = 12  # characters that are shown of one
_OWN = ("number", "attempt", "epoch", "time")


def epochs_table(curves: Sequence[Columns], layout: Layout) -> pa.Table:
    """One row for each (number, epoch), sorted by both.

    Columns: number, attempt, epoch, time (UTC), then one float64 a metric, the objective first, then by name;
    NaN where an epoch did not report it. A metric named like one of the first four is ``metric.<name>``.
    """
    columns: dict[str, pa.Array] = {
        "number": pa.array(_joined([c.number for c in curves], np.int64)),
        "attempt": pa.array(_joined([c.attempt for c in curves], np.int64)),
        "epoch": pa.array(_joined([c.epoch for c in curves], np.int64)),
        "time": _timestamps(_joined([c.time for c in curves], np.float64)),
    }
    for name in layout.order(name for c in curves for name in c.metrics):
        given = [(len(c), c.metrics.get(name)) for c in curves]
        parts = [np.full(rows, nan) if values is None else values for rows, values in given]
        columns[metric_column(name)] = pa.array(_joined(parts, np.float64))
    return pa.table(columns).sort_by([("number", "ascending"), ("epoch", "ascending")])


def metric_column(name: str) -> str:
    """The metric's column in the epochs table: its name, unless a column of the table's own has that."""
    return f"metric.{name}" if name in _OWN else name


def trials_table(
    records: Sequence[TrialRecord], epochs: pa.Table, notes: Mapping[int, Note], layout: Layout
) -> pa.Table:
    """One row a trial, in the order of ``records`` (by number).

    ``metric`` is the objective's best value and ``best_epoch`` its epoch. ``best.X`` is the value of metric
    X at that epoch, not X's own optimum: the row describes the model that would be exported. ``last.X`` is
    the last number that the trial reported of X. ``seconds`` adds up the attempts that have ended,
    ``started`` is when the first began (UTC). ``params.X`` is missing where parameter X is inactive,
    ``info.X`` where a trial did not record X; its type follows from what the trials recorded.
    ``diagnosis`` is missing while a trial runs, and where its curves tell too little. ``source`` is the
    beginning of the sha256 of the training function's source that the trial was started under. ``outside``
    trials are those that an edited space contains no more. Where there are constraints on metrics,
    ``feasible`` says whether the best epoch holds them; where there are several metrics, ``front`` whether no
    other trial dominates this one.
    """
    fields: list[tuple[pa.Field, pa.Array]] = [
        _column("number", pa.int64(), [r.number for r in records]),
        _column("state", pa.string(), [r.state for r in records]),
        _column("stop_reason", pa.string(), [r.stop_reason for r in records]),
        _column("metric", pa.float64(), [r.value for r in records]),
        _column("best_epoch", pa.int64(), [r.best_epoch for r in records]),
        _column("epochs", pa.int64(), [r.epochs for r in records]),
        _column("seconds", pa.float64(), [round(r.seconds, 6) for r in records]),
        (pa.field("started", _TIMESTAMP), _timestamps(np.array([r.started for r in records], np.float64))),
    ]
    for parameter in layout.columns(records):
        values = parameter.array([r.params.get(parameter.name) for r in records])
        fields.append((parameter.field(), values))
    for name, values in _metric_columns(records, epochs).items():
        fields.append((pa.field(name, pa.float64()), pa.array(values)))
    fields += _fact_columns([notes[r.number].facts for r in records])
    fields += [
        _column("diagnosis", pa.string(), [notes[r.number].diagnosis for r in records]),
        _column("worker", pa.string(), [r.worker for r in records]),
        _column("attempt", pa.int64(), [r.attempt for r in records]),
        _column("source", pa.string(), [r.source[:_HASH] or None for r in records]),
        _column("outside", pa.bool_(), [r.outside for r in records]),
        *_standing(records, layout),
        _column("error", pa.string(), [r.error for r in records]),
    ]
    schema = pa.schema([field for field, _ in fields])
    return described(pa.Table.from_arrays([values for _, values in fields], schema=schema))


def _standing(records: Sequence[TrialRecord], layout: Layout) -> list[tuple[pa.Field, pa.Array]]:
    """What there is to say of a trial among others besides its leading metric."""
    columns = []
    if layout.constrained:
        feasible = [None if r.best_epoch is None else r.feasible for r in records]
        columns.append(_column("feasible", pa.bool_(), feasible))
    if layout.further:
        front = {record.number for record in layout.objectives.front(records)}
        columns.append(_column("front", pa.bool_(), [r.number in front for r in records]))
    return columns


def _fact_columns(facts: Sequence[Mapping[str, Fact]]) -> list[tuple[pa.Field, pa.Array]]:
    """``info.X`` of every fact X, by name."""
    columns = []
    for name in sorted({name for known in facts for name in known}):
        values = [known.get(name) for known in facts]
        if {int, float} == {type(value) for value in values if value is not None}:
            values = [None if value is None else float(value) for value in values]
        column = typed_column("info", name, values)
        columns.append((column.field(), column.array(values)))
    return columns


def _metric_columns(records: Sequence[TrialRecord], epochs: pa.Table) -> Mapping[str, Floats]:
    """``last.X`` of every metric X (its last number), then ``best.X`` of every one; one value a record."""
    numbers = np.array([r.number for r in records], np.int64)
    best_epochs = np.array([r.best_epoch or 0 for r in records], np.int64)
    row = np.searchsorted(numbers, epochs["number"].to_numpy())
    at_best = epochs["epoch"].to_numpy() == best_epochs[row] if len(row) else np.zeros(0, bool)
    last: dict[str, Floats] = {}
    best: dict[str, Floats] = {}
    for column in epochs.column_names[len(_OWN) :]:
        name, values = column.removeprefix("metric."), epochs[column].to_numpy()
        given = ~np.isnan(values)
        # Epochs rise within a trial, and of repeated indices NumPy keeps the last assignment.
        last[f"last.{name}"] = _scattered(len(numbers), row[given], values[given])
        best[f"best.{name}"] = _scattered(len(numbers), row[at_best], values[at_best])
    return last | best


def _scattered(size: int, index: npt.NDArray[np.intp], values: Floats) -> Floats:
    column = np.full(size, nan)
    column[index] = values
    return column


def _column(name: str, kind: pa.DataType, values: Sequence[object]) -> tuple[pa.Field, pa.Array]:
    return pa.field(name, kind), pa.array(values, kind)


def _joined(parts: Sequence[object], kind: type[np.int64] | type[np.float64]) -> npt.NDArray[np.generic]:
    # Copies: an array that NumPy looks into cannot grow any more.
    return np.concatenate([np.array(part, kind) for part in parts] or [np.zeros(0, kind)])


def _timestamps(seconds: npt.NDArray[np.generic]) -> pa.Array:
    microseconds = np.rint(seconds.astype(np.float64) * 1e6).astype(np.int64)
    return pa.array(microseconds).cast(_TIMESTAMP)


def schemas(layout: Layout) -> tuple[pa.Schema, pa.Schema]:
    """(trials, epochs): the columns that every such table has."""
    epochs = epochs_table([], layout)
    return trials_table([], epochs, {}, layout).schema, epochs.schema


def fits(schema: pa.Schema, wanted: pa.Schema) -> bool:
    """Whether a table has the columns ``wanted``, in order; metrics and facts, which no spec names, may stand
    anywhere among them.
    """
    own = [(field.name, field.type, is_json_text(field)) for field in wanted]
    found = [(field.name, field.type, is_json_text(field)) for field in schema]
    names = set(wanted.names)
    rest = [kind for name, kind, _ in found if name not in names]
    return [column for column in found if column[0] in names] == own and all(kind in _PLAIN for kind in rest)


def described(table: pa.Table) -> pa.Table:
    """``table`` with what pandas needs to keep whole numbers and booleans that are partly missing."""
    kinds = {"int64": "Int64", "bool": "boolean"}
    columns = [
        {
            "name": field.name,
            "field_name": field.name,
            "pandas_type": str(field.type),
            "numpy_type": kinds[str(field.type)],
            "metadata": None,
        }
        for field, column in zip(table.schema, table.columns, strict=True)
        if str(field.type) in kinds and column.null_count
    ]
    pandas = {"index_columns": [], "column_indexes": [], "columns": columns, "pandas_version": "2.2.0"}
    return table.replace_schema_metadata({b"pandas": json.dumps(pandas).encode()})
