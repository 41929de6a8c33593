"""A trial's ``metrics.jsonl``, read back: its epochs as the last attempt left them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sweeps.strictjson import parse_object

_MOST = 2**63  # of whole numbers, in a table
_LATEST = 1e11  # seconds since 1970, likewise


@dataclass(frozen=True, slots=True)
class Row:
    """One reported epoch."""

    attempt: int
    epoch: int
    time: float  # unix seconds of the report
    metrics: Mapping[str, float]


def read_epochs(path: os.PathLike[str] | str) -> list[Row]:
    """The trial's epochs in order; of an epoch written twice the last attempt wins. No file: no rows.

    A line that a killed worker left half written is skipped, and so is any other that is no report.
    """
    try:
        with open(path, "rb", buffering=0) as file:
            data = file.read()
    except FileNotFoundError:
        return []
    newest: dict[int, Row] = {}
    for row in _rows(data.splitlines()):
        if row.epoch not in newest or row.attempt >= newest[row.epoch].attempt:
            newest[row.epoch] = row
    return [newest[epoch] for epoch in sorted(newest)]


def _rows(lines: list[bytes]) -> Iterator[Row]:
    for line in lines:
        try:
            raw = parse_object(line)
            # float() also reads "NaN" and "Infinity", which JSON has no numbers for.
            metrics = {name: float(value) for name, value in raw["metrics"].items()}
            row = Row(raw["attempt"], raw["epoch"], raw["time"], metrics)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
            continue
        if _is_whole(row):
            yield row


def _is_whole(row: Row) -> bool:
    counted = type(row.attempt) is int and type(row.epoch) is int
    timed = type(row.time) in (int, float) and 0 <= row.time < _LATEST
    return counted and timed and 0 < row.attempt < _MOST and 0 < row.epoch < _MOST and "" not in row.metrics
