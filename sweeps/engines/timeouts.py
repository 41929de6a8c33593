"""When a trial is late: no report for too long, or the whole attempt took too long."""

from __future__ import annotations


class Deadlines:
    """The clock of one attempt. All times are seconds of one monotonic clock; limits are seconds or None."""

    def __init__(self, report: float | None, trial: float | None, now: float) -> None:
        self._report = report
        self._trial = trial
        self._begun = now
        self._heard = now

    def reported(self, now: float) -> None:
        """The trial gave a sign of life."""
        self._heard = now

    def next(self) -> tuple[float, str] | None:
        """(when the trial will be late, with what, for people to read); None without a limit."""
        ends = []
        if self._report is not None:
            ends.append((self._heard + self._report, f"no report for {self._report:g} s"))
        if self._trial is not None:
            ends.append((self._begun + self._trial, f"ran for {self._trial:g} s without ending"))
        return min(ends, default=None)

    def left(self, now: float) -> float | None:
        """Seconds until the trial is late, negative once it is; None without a limit."""
        end = self.next()
        return None if end is None else end[0] - now

    def missed(self, now: float) -> str | None:
        """What is late, for people to read; None if nothing is."""
        end = self.next()
        return end[1] if end is not None and now >= end[0] else None


def import_overdue(target: str, limit: float) -> str:
    """What is said of an import of the user's function that took over ``limit`` seconds."""
    return (
        f"importing {target!r} took over {limit:g} s, as long as timeout.report allows: raise "
        "timeout.report, or let the module do less while it is imported"
    )
