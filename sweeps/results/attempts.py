"""The time line of a sweep: which attempt of which trial ran when, where, and how it ended.

It is read from events.jsonl, which is for looking at and not for going on from: what of it is lost or
unreadable is missing here, and nothing else. Where the driver died before it could write an attempt's end,
the study says what became of the trial.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from sweeps.paths import RunPaths
from sweeps.strictjson import parse_object
from sweeps.study.lock import is_locked
from sweeps.study.record import TrialRecord

_LATEST = 1e11  # seconds since 1970
_TIMESTAMP = pa.timestamp("us", tz="UTC")


@dataclass(slots=True)
class _Attempt:
    """One attempt; ``started`` and ``ended`` are seconds since the epoch (UTC)."""

    number: int
    attempt: int
    worker: str
    started: float
    ended: float | None = None
    state: str = "INTERRUPTED"  # unless something else is written
    stop_reason: str | None = "interrupted"
    error: str | None = None


def attempts_table(paths: RunPaths, records: Sequence[TrialRecord]) -> pa.Table:
    """One row for each attempt that was started, in the order of their starts.

    Columns: number, attempt, worker, started, ended (UTC), seconds (between the two), state, stop_reason,
    error. ``state`` is how this attempt ended: FAILED for one that was retried, INTERRUPTED for one that was
    cut short or lost with its machine, RUNNING while it runs. ``ended`` and ``seconds`` are missing while it
    runs, and where the driver was killed before the attempt's end. ``records`` are the study's trials as they
    are now.
    """
    rows, unended = _replay(_lines(paths.events))
    driven = is_locked(paths.lock)
    known = {record.number: record for record in records}
    for row in unended:
        record = known.get(row.number)
        if record is not None and record.attempt == row.attempt:
            row.state, row.stop_reason, row.error = record.state, record.stop_reason, record.error
        elif driven and (record is None or record.attempt < row.attempt):  # it began since they were read
            row.state, row.stop_reason = "RUNNING", None
    return _table(rows)


def _lines(path: Path) -> Iterator[Mapping[str, Any]]:
    """Every event that reads back."""
    if not path.exists():
        return
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                yield parse_object(line)
            except ValueError:  # what a crash or a power cut left of a line
                continue


def _replay(events: Iterable[Mapping[str, Any]]) -> tuple[list[_Attempt], Iterable[_Attempt]]:
    """(all attempts, the last ones of trials whose end was not written)."""
    rows: list[_Attempt] = []
    running: dict[int, _Attempt] = {}
    for event in events:
        match event:
            case {"event": "TrialStarted", "number": number, "attempt": attempt, "time": time}:
                if _is_count(number) and _is_count(attempt) and _is_time(time):
                    running[number] = _Attempt(number, attempt, str(event.get("worker", "")), time)
                    rows.append(running[number])
            case {"event": "TrialEnded", "number": number, "attempt": attempt, "attempt_state": str()}:
                if _is_count(number) and number in running and running[number].attempt == attempt:
                    _end(running.pop(number), event)
    return rows, running.values()


def _end(row: _Attempt, event: Mapping[str, Any]) -> None:
    row.ended = event["time"] if _is_time(event.get("time")) else None
    row.state = event["attempt_state"]
    row.stop_reason, row.error = (_text(event.get(key)) for key in ("attempt_reason", "error"))


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _is_time(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < _LATEST


def _text(value: Any) -> str | None:
    return value if value is None else str(value)


def _table(rows: Sequence[_Attempt]) -> pa.Table:
    columns = {
        "number": pa.array([row.number for row in rows], pa.int64()),
        "attempt": pa.array([row.attempt for row in rows], pa.int64()),
        "worker": pa.array([row.worker for row in rows], pa.string()),
        "started": _timestamps([row.started for row in rows]),
        "ended": _timestamps([row.ended for row in rows]),
        "seconds": pa.array([_seconds(row) for row in rows], pa.float64()),
        "state": pa.array([row.state for row in rows], pa.string()),
        "stop_reason": pa.array([row.stop_reason for row in rows], pa.string()),
        "error": pa.array([row.error for row in rows], pa.string()),
    }
    return pa.table(columns)


def _seconds(row: _Attempt) -> float | None:
    return None if row.ended is None else round(row.ended - row.started, 3)


def _timestamps(seconds: Iterable[float | None]) -> pa.Array:
    microseconds = [None if s is None else round(s * 1e6) for s in seconds]
    return pa.array(microseconds, pa.int64()).cast(_TIMESTAMP)
