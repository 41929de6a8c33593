"""events.jsonl: one line an event, for people and programs that watch a sweep or ask what happened.

`Results.attempts` is read from it (sweeps/results/attempts.py): a change of a line's keys is one there, too.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sweeps.controller import EpochReported, Event, Ticked, TrialEnded
from sweeps.lines import LineFile
from sweeps.messages import Stop


class EventLog:
    """An observer that appends every event but epochs without a decision (those are in metrics.jsonl)."""

    def __init__(self, path: Path) -> None:
        self._file = LineFile(path)

    def __call__(self, event: Event) -> None:
        line = _line(event)
        if line is not None:
            self._file.append((json.dumps(line, separators=(",", ":"), default=str) + "\n").encode())

    def close(self) -> None:
        self._file.close()


def _line(event: Event) -> dict[str, Any] | None:
    if isinstance(event, Ticked):
        return None
    head = {"time": round(event.time, 3), "event": type(event).__name__}
    if isinstance(event, EpochReported):
        if not isinstance(event.decision, Stop):
            return None
        return head | {"number": event.number, "epoch": event.epoch, "stop": event.decision.reason}
    if isinstance(event, TrialEnded):
        record, verdict = event.record, event.verdict
        summary = {"state": record.state, "stop_reason": record.stop_reason, "value": record.value}
        ended = {"number": record.number, "attempt": record.attempt, **summary, "error": record.error}
        attempt = {"attempt_state": verdict.state, "attempt_reason": verdict.reason}
        return head | ended | attempt | {"retry": event.retry}
    return head | {key: value for key, value in asdict(event).items() if key != "time"}
