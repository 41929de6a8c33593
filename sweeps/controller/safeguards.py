"""What keeps a sweep from failing all night: its canary, its quarantine and its breaker, together."""

from __future__ import annotations

from collections.abc import Sequence

from sweeps.controller.failures import CircuitBreaker, Quarantine
from sweeps.controller.verdict import Verdict
from sweeps.spec import SweepSpec
from sweeps.study import TrialRecord


class Safeguards:
    """Says who may start a trial, and what the end of an attempt means for its slot and for the sweep."""

    def __init__(self, spec: SweepSpec) -> None:
        self._asked_canary = spec.canary
        self._unproven = False  # whether the function has still to report for the first time
        self._breaker = CircuitBreaker(spec.breaker)
        self._quarantine = Quarantine(spec.quarantine)

    def start(self, records: Sequence[TrialRecord]) -> None:
        """Take up the trials of earlier runs."""
        never = not any(record.values for record in records)
        self._unproven = never if self._asked_canary is None else self._asked_canary

    def reported(self, worker: str) -> None:
        """A trial on ``worker`` has: the function works."""
        self._unproven = False
        self._quarantine.reported(worker)

    def closed(self, worker: str) -> bool:
        """Whether ``worker`` gets no more trials."""
        return self._quarantine.holds(worker)

    def hold_back(self, running: int) -> bool:
        """Whether nobody gets a trial now, while ``running`` others run."""
        return self._unproven and running > 0

    def close_slot(self, record: TrialRecord, verdict: Verdict) -> int | None:
        """How many attempts failed in a row on the slot of ``record``, if this closes it."""
        if verdict.state == "INTERRUPTED" and verdict.reason != "paused":
            return None
        failed = verdict.reason if verdict.state == "FAILED" else None
        return self._quarantine.ended(record.worker, failed, verdict.error)

    def stop_sweep(self, record: TrialRecord) -> str | None:
        """Why the end of ``record`` is to stop the sweep, if so."""
        return self._breaker.ended(record) if record.ended else None
