"""What failures lead to: a further attempt, a slot that gets no more trials, the end of the sweep."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sweeps.spec.model import Breaker, Retries
from sweeps.study import TrialRecord

LONGEST_BACKOFF = 3600.0  # seconds, where `backoff` itself is not longer
_JUDGED_FROM = 20  # ended trials, before a share of failed ones means anything
# Failures that tell of the code or the machine; the others come with a configuration and are expected.
_OF_THE_CODE = ("error", "crash", "hang")
_OF_A_SLOT = (*_OF_THE_CODE, "oom")
_OF_THE_SWEEP = (*_OF_A_SLOT, "nonfinite")
_VARYING = re.compile(r"0x[0-9a-fA-F]+|\d+(\.\d+)?([eE][-+]?\d+)?")


def cause_of(kind: str | None, error: str | None) -> str:
    """What two failures have in common: the kind and the message, whatever numbers it holds."""
    return f"{kind}: {_VARYING.sub('#', error or '')}"


class Waiting:
    """When a failed trial may be started again: ``backoff`` seconds later, doubled for each further time."""

    def __init__(self, retries: Retries, monotonic: Callable[[], float]) -> None:
        self._retries = retries
        self._monotonic = monotonic
        self._due: dict[int, float] = {}

    def allows(self, record: TrialRecord, kind: str) -> bool:
        """Count a failure of ``kind`` and say whether the trial is started again."""
        times = record.failures[kind] = record.failures.get(kind, 0) + 1
        if times > self._retries.of(kind):
            return False
        first = self._retries.backoff
        pause = min(first * 2.0 ** min(times - 1, 30), max(first, LONGEST_BACKOFF))
        self._due[record.number] = self._monotonic() + pause
        return True

    def over(self, record: TrialRecord) -> bool:
        """Whether the trial has waited long enough."""
        due = self._due.get(record.number)
        return due is None or self._monotonic() >= due

    def next(self, records: Iterable[TrialRecord]) -> float | None:
        """When the first of ``records`` that has not waited long enough will have; None if all have."""
        now = self._monotonic()
        due = (self._due.get(record.number, now) for record in records)
        return min((time for time in due if time > now), default=None)


class CircuitBreaker:
    """Stops a sweep whose trials fail for a reason that further trials will meet too.

    It judges the trials that ended in this run, so that a resumed sweep gets its chance.
    """

    def __init__(self, rule: Breaker) -> None:
        self._rule = rule
        self._cause = ""
        self._in_a_row = 0
        self._failed = 0
        self._ended = 0

    def ended(self, record: TrialRecord) -> str | None:
        """Take in a trial that has ended; says why the sweep is to stop, if so."""
        failed = record.state == "FAILED"
        if failed and record.stop_reason == "infeasible":
            return None
        self._ended += 1
        self._failed += failed and record.stop_reason in _OF_THE_SWEEP
        cause = cause_of(record.stop_reason, record.error)
        if not failed or record.stop_reason not in _OF_THE_CODE:
            self._in_a_row = 0
        else:
            self._in_a_row = self._in_a_row + 1 if cause == self._cause else 1
            self._cause = cause
        return self._row(record) or self._share()

    def _row(self, record: TrialRecord) -> str | None:
        limit = self._rule.in_a_row
        if limit is None or self._in_a_row < limit:
            return None
        return (
            f"breaker.in_a_row allows fewer than {limit} equal failures in a row, and {self._in_a_row} "
            f"trials failed with {record.stop_reason}: {record.error}"
        )

    def _share(self) -> str | None:
        limit = self._rule.fraction
        if limit is None or self._ended < _JUDGED_FROM or self._failed < limit * self._ended:
            return None
        return (
            f"breaker.fraction allows less than {limit:g} of the trials to fail, and {self._failed} of "
            f"{self._ended} did"
        )


@dataclass(slots=True)
class _Streak:
    """Failures of one cause in a row on one slot."""

    cause: str
    failures: int = 0


class Quarantine:
    """Keeps trials away from a slot on which they fail while they do well on others: a broken GPU, say.

    A slot does well while its trial has reported, or its last one ended without a failure. What fails the
    same way on two slots comes with the configuration or the code, and closes none.
    """

    def __init__(self, limit: int | None) -> None:
        """``limit`` >= 1 equal failures in a row; None never."""
        self._limit = limit
        self._well: set[str] = set()
        self._streaks: dict[str, _Streak] = {}
        self._where: dict[str, set[str]] = {}  # cause -> slots
        self._closed: set[str] = set()

    def holds(self, worker: str) -> bool:
        """Whether ``worker`` gets no more trials."""
        return worker in self._closed

    def reported(self, worker: str) -> None:
        """A trial on ``worker`` trains."""
        self._well.add(worker)

    def ended(self, worker: str, kind: str | None, error: str | None) -> int | None:
        """Take in an attempt that ended, with the ``kind`` of its failure or None, and the message.

        Returns how many failed there in a row if that closes the slot now.
        """
        if kind not in _OF_A_SLOT:
            self._streaks.pop(worker, None)
            if kind is None:
                self._well.add(worker)
            return None
        self._well.discard(worker)
        cause = cause_of(kind, error)
        self._where.setdefault(cause, set()).add(worker)
        streak = self._streaks.get(worker)
        if streak is None or streak.cause != cause:
            streak = self._streaks[worker] = _Streak(cause)
        streak.failures += 1
        alone = bool(self._well) and self._where[cause] == {worker}
        if self._limit is None or not alone or streak.failures < self._limit or worker in self._closed:
            return None
        self._closed.add(worker)
        return streak.failures
