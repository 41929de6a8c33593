"""The sweep's budget: totals over every run of it, resumed ones included."""

from __future__ import annotations

from collections.abc import Sequence

from sweeps.clock import UNLIMITED, Clock, TimeLeft
from sweeps.controller.epochs import EpochBudget
from sweeps.messages import Goal
from sweeps.spec.model import Budget
from sweeps.study import TrialRecord, is_better


class Spending:
    """What a sweep has used of its budget.

    Args:
        budget: what it may use.
        goal: the objective's better direction.
        clock: tells this run's time.
        epochs: counts the epochs, and says who may train one more.
        elapsed: wall time in seconds that earlier runs have used.
        gpu_seconds: GPUs times seconds that earlier runs have used.
    """

    def __init__(
        self,
        budget: Budget,
        goal: Goal,
        clock: Clock,
        epochs: EpochBudget,
        elapsed: float = 0.0,
        gpu_seconds: float = 0.0,
    ) -> None:
        self._budget = budget
        self._goal = goal
        self._clock = clock
        self._before = elapsed
        self._begun = self._measured = clock.monotonic()
        self._gpu_seconds = gpu_seconds
        self._gpus = 0.0
        self.epochs = epochs
        self._best: tuple[int, float] | None = None  # of the COMPLETE trials
        self._since_best = 0

    def begin(self, records: Sequence[TrialRecord], gpus: float) -> None:
        """Take up the trials of earlier runs; each running trial has ``gpus`` GPUs from now on."""
        self._gpus = gpus
        for record in records:
            self.epochs.observe(record)
            self._take_if_best(record)
        self._since_best = self._ended_after_best(records)

    @property
    def best(self) -> tuple[int, float] | None:
        """(number, objective) of the best COMPLETE trial that is feasible; of equal ones that which ended
        first.
        """
        return self._best

    @property
    def elapsed(self) -> float:
        """Wall time in seconds."""
        return self._before + self._clock.monotonic() - self._begun

    @property
    def gpu_seconds(self) -> float:
        """GPUs times the seconds that trials had them."""
        now = self._clock.monotonic()
        self._gpu_seconds += self._gpus * self.epochs.running * (now - self._measured)
        self._measured = now
        return self._gpu_seconds

    @property
    def time_left(self) -> TimeLeft:
        """For one more trial, by the wall time and the GPU hours: what is over first."""
        budget, left = self._budget, [UNLIMITED]
        if budget.wall is not None:
            seconds = max(budget.wall - self.elapsed, 0.0)
            left.append(TimeLeft(seconds, seconds / budget.wall))
        if budget.gpu_hours is not None and self._gpus:
            total = 3600 * budget.gpu_hours
            gpu_seconds = max(total - self.gpu_seconds, 0.0)
            left.append(TimeLeft(gpu_seconds / (self._gpus * (self.epochs.running + 1)), gpu_seconds / total))
        return min(left)

    def begins(self, record: TrialRecord) -> None:
        """An attempt of a trial runs from now on."""
        _ = self.gpu_seconds  # up to now there were fewer
        self.epochs.begins(record)

    def ends(self, record: TrialRecord, records: Sequence[TrialRecord]) -> None:
        """An attempt of a trial runs no longer; ``records`` are all of the sweep's, by number.

        A trial outside of an edited space is no longer compared with others.
        """
        _ = self.gpu_seconds
        self.epochs.ends(record)
        if not record.ended:
            return
        if self._take_if_best(record):
            self._since_best = self._ended_after_best(records)
        elif _judged(record) and (self._best is None or record.number > self._best[0]):
            self._since_best += 1

    def _take_if_best(self, record: TrialRecord) -> bool:
        if not record.may_win or record.value is None:
            return False
        if self._best is not None and not is_better(record.value, self._best[1], self._goal):
            return False
        self._best = (record.number, record.value)
        return True

    def _ended_after_best(self, records: Sequence[TrialRecord]) -> int:
        first = 0 if self._best is None else self._best[0] + 1
        return sum(_judged(record) for record in records[first:])

    def reaches_target(self, value: float) -> bool:
        """Whether an objective is as good as asked for."""
        target = self._budget.target
        return target is not None and not is_better(target, value, self._goal)

    def spent(self) -> str | None:
        """Why nothing starts any more and what runs ends with its epoch, if so."""
        budget = self._budget
        if self._best is not None and self.reaches_target(self._best[1]):
            return "budget.target"
        if budget.wall is not None and self.elapsed >= budget.wall:
            return "budget.wall"
        if budget.gpu_hours is not None and self.gpu_seconds >= 3600 * budget.gpu_hours:
            return "budget.gpu_hours"
        return None

    def all_started(self, trials: int) -> str | None:
        """Why no new trial starts after the first ``trials``, if so; those that run, or are to go on, do."""
        budget = self._budget
        if budget.trials is not None and trials >= budget.trials:
            return "budget.trials"
        if budget.patience is not None and self._since_best >= budget.patience:
            return "budget.patience"
        return None


def _judged(record: TrialRecord) -> bool:
    """Whether patience counts this trial: a failed one says nothing, nor one outside of an edited space."""
    return record.state in ("COMPLETE", "PRUNED") and not record.outside
