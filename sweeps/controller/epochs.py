"""The epochs that a sweep may train, and who gets the last of them."""

from __future__ import annotations

import math
from collections import Counter

from sweeps.study import TrialRecord


class EpochBudget:
    """Counts epochs, and keeps the last ones for the trials that are nearest to their end: what is cut short
    can neither win nor be gone on from.

    What a running trial will still take is not known. One that has come no further than ended trials did on
    average is expected to come so far; one that has is expected to be trained to its end.

    Args:
        total: how many epochs all trials may train together; None for any number.
        full: the epochs of a full training.
        leaders_first: whether those that have come furthest go first; not where trials wait for each other.
    """

    def __init__(self, total: int | None, full: int, *, leaders_first: bool = True) -> None:
        self._total = total
        self._full = full
        self._leaders_first = leaders_first
        self._epochs: dict[int, int] = {}  # of every trial
        self._trained = 0
        self._ended: set[int] = set()  # trials that were trained to an end of their own
        self._ended_epochs = 0
        self._running: set[int] = set()
        self._at: Counter[int] = Counter()  # how many running trials have so many epochs

    def begins(self, record: TrialRecord) -> None:
        """An attempt of a trial runs from now on."""
        self._running.add(record.number)
        self._at[self._epochs.setdefault(record.number, 0)] += 1

    def observe(self, record: TrialRecord) -> None:
        """Count the epochs that ``record`` has now; one that was trained to its end says what is usual."""
        number, before = record.number, self._epochs.get(record.number, 0)
        self._epochs[number] = record.epochs
        self._trained += record.epochs - before
        if number in self._running:
            self._at[before] -= 1
            self._at[record.epochs] += 1
        if number in self._ended:
            self._ended_epochs += record.epochs - before
        elif record.state in ("COMPLETE", "PRUNED"):
            self._ended.add(number)
            self._ended_epochs += record.epochs

    def ends(self, record: TrialRecord) -> None:
        """An attempt of a trial runs no longer."""
        self.observe(record)
        self._running.remove(record.number)
        self._at[record.epochs] -= 1

    @property
    def running(self) -> int:
        """How many attempts run."""
        return len(self._running)

    @property
    def is_spent(self) -> bool:
        return self._total is not None and self._trained >= self._total

    def allows_attempt(self) -> bool:
        """Whether there is an epoch for one more attempt, each running one being at one now."""
        return self._left > 0

    def allows_trial(self) -> bool:
        """Whether one more trial may start: it leaves the running ones what they are expected to take."""
        if not self._running or not self._leaders_first:
            return self._left > 0
        if self._left >= self._full * (self.running + 1):  # quick, and so it is nearly always
            return True
        return self._left >= self._expected_beyond(-1) + self._expected(0)

    def allows_epoch(self, record: TrialRecord) -> bool:
        """Whether a running trial, having reported, may train one more epoch: it leaves those that have come
        further what they are expected to take.
        """
        left = self._left + 1  # its own next epoch
        if not self._leaders_first or left >= self._full * self.running:
            return left > 0
        return left > self._expected_beyond(record.epochs)

    @property
    def _left(self) -> float:
        """Epochs that are not trained yet, nor being trained now; so the total is never exceeded."""
        training = self.running - self._at[self._full]
        return math.inf if self._total is None else self._total - self._trained - training

    def _expected_beyond(self, epochs: int) -> int:
        """What running trials of more than so many epochs are expected to take besides their next one."""
        return sum(
            trials * max(self._expected(at) - 1, 0)
            for at, trials in self._at.items()
            if at > epochs and trials
        )

    def _expected(self, epochs: int) -> int:
        """How many more epochs a trial of so many is expected to take."""
        usual = math.ceil(self._ended_epochs / len(self._ended)) if self._ended else self._full
        return (usual if epochs < usual else self._full) - epochs
