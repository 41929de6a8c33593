"""An attempt that runs, as the controller knows it."""

from __future__ import annotations

from dataclasses import dataclass

from sweeps.messages import Decision, Stop
from sweeps.study import TrialRecord


@dataclass(slots=True)
class RunningAttempt:
    """What was heard of an attempt, and what it was told. ``begun`` is in the controller's monotonic time."""

    record: TrialRecord
    begun: float
    pause_at: int | None = None  # the epoch after which it ends, for its trial to go on later
    stop: Stop | None = None
    last: tuple[int, Decision] | None = None  # the latest epoch and what was answered

    @property
    def paused(self) -> bool:
        """Whether it has come to ``pause_at``: by its reports, or restored there without any."""
        return self.pause_at == (self.last[0] if self.last else self.record.epochs)
