"""Asynchronous successive halving, in its stopping form, as an incremental structure.

Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020 (algorithm 2, where a trial
that is not promotable is stopped rather than paused). A rung holds the best-so-far of every trial that
reached it; a report costs one bisection, whatever the number of trials.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass, field

from sweeps.errors import UsageError
from sweeps.messages import Goal
from sweeps.study.record import TrialRecord


@dataclass(slots=True)
class Rung:
    """One milestone: the losses (lower is better) of the trials that reached ``epoch``, sorted."""

    epoch: int
    losses: list[float] = field(default_factory=list)
    trials: set[int] = field(default_factory=set)

    def enter(self, trial: int, loss: float) -> None:
        self.trials.add(trial)
        insort(self.losses, loss)

    def promotes(self, loss: float, reduction_factor: int) -> bool:
        """Whether ``loss`` is in the best 1/reduction_factor; ties count as being in it.

        While fewer than ``reduction_factor`` trials are here only the best one so far goes on: nothing can
        be paused and promoted later.
        """
        places = max(1, len(self.losses) // reduction_factor)
        return bisect_left(self.losses, loss) < places


class Asha:
    """Stops a trial at a rung unless it is among the best there.

    Rungs stand at ``min_epochs * reduction_factor**k`` epochs, below the last epoch.

    Args:
        epochs: the sweep's epochs.
        min_epochs: the first rung, from 1 to ``epochs``.
        reduction_factor: one in this many goes on, >= 2.
        startup_trials: a rung decides nothing before this many trials have reached it, >= 0.

    Raises:
        UsageError: an argument outside its range.
    """

    name = "asha"

    def __init__(
        self,
        *,
        goal: Goal,
        epochs: int,
        min_epochs: int = 1,
        reduction_factor: int = 3,
        startup_trials: int = 0,
    ) -> None:
        _check(min_epochs, epochs, reduction_factor, startup_trials)
        self._sign = 1.0 if goal == "minimize" else -1.0
        self._reduction_factor = reduction_factor
        self._startup_trials = startup_trials
        self.rungs: list[Rung] = []
        milestone = min_epochs
        while milestone < epochs:
            self.rungs.append(Rung(milestone))
            milestone *= reduction_factor

    def report(self, trial: int, epoch: int, best: float) -> bool:
        loss = self._sign * best
        return any(self._stops(rung, trial, loss) for rung in self.rungs if rung.epoch <= epoch)

    def _stops(self, rung: Rung, trial: int, loss: float) -> bool:
        """Decide once a rung: a decision taken stands when an interrupted trial comes by again."""
        if trial in rung.trials:
            return False
        rung.enter(trial, loss)
        if len(rung.losses) <= self._startup_trials:
            return False
        return not rung.promotes(loss, self._reduction_factor)

    def ended(self, record: TrialRecord) -> None:
        if record.value is None:
            return
        for rung in self.rungs:
            if record.number not in rung.trials:
                rung.enter(record.number, self._sign * record.value)

    def replay(self, records: Iterable[TrialRecord]) -> None:
        for record in records:
            self._reenter(record)
            if record.state == "COMPLETE":
                self.ended(record)

    def _reenter(self, record: TrialRecord) -> None:
        """Enter each rung as the trial did: with its best at the first epoch reported at or after it."""
        reported = sorted(record.values)
        for rung in self.rungs:
            reached = next((epoch for epoch in reported if epoch >= rung.epoch), None)
            if reached is not None:
                losses = (self._sign * value for epoch, value in record.values.items() if epoch <= reached)
                rung.enter(record.number, min(losses))


def _check(min_epochs: int, epochs: int, reduction_factor: int, startup_trials: int) -> None:
    if not 1 <= min_epochs <= epochs:
        raise UsageError(f"min_epochs must be from 1 to the sweep's {epochs} epochs, not {min_epochs}")
    if reduction_factor < 2:
        raise UsageError(f"reduction_factor must be at least 2, not {reduction_factor}")
    if startup_trials < 0:
        raise UsageError(f"startup_trials must be at least 0, not {startup_trials}")
