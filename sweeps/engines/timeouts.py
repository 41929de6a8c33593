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

    def left(self, now: float) -> float | None:
        """Seconds until the trial is late, negative once it is; None without a limit."""
        ends = []
        if self._report is not None:
            ends.append(self._heard + self._report)
        if self._trial is not None:
            ends.append(self._begun + self._trial)
        return min(ends) - now if ends else None

    def missed(self, now: float) -> str | None:
        """What is late, for people to read; None if nothing is."""
        if self._report is not None and now >= self._heard + self._report:
            return f"no report for {self._report:g} s"
        if self._trial is not None and now >= self._begun + self._trial:
            return f"ran for {self._trial:g} s without ending"
        return None


def import_overdue(target: str, limit: float) -> str:
    """What is said of an import of the user's function that took over ``limit`` seconds."""
    return (
        f"importing {target!r} took over {limit:g} s, as long as timeout.report allows: raise "
        "timeout.report, or let the module do less while it is imported"
    )
