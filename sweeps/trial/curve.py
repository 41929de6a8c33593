"""A trial's ``metrics.jsonl``, read back: its epochs as the last attempt left them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One reported epoch."""

    attempt: int
    epoch: int
    time: float  # unix seconds of the report
    metrics: Mapping[str, float]


def read_epochs(path: os.PathLike[str] | str) -> list[Row]:
    """The trial's epochs in order; of an epoch written twice the last attempt wins. No file: no rows.

    A line that a killed worker left half written is skipped.
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
            raw = json.loads(line)
            # float() also reads "NaN" and "Infinity", which JSON has no numbers for.
            metrics = {name: float(value) for name, value in raw["metrics"].items()}
            yield Row(int(raw["attempt"]), int(raw["epoch"]), float(raw["time"]), metrics)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
            continue
