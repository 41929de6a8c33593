"""A sweep's messages as a pruner meets them, in a random order, and Optuna's own pruners asked the same."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from itertools import accumulate

import optuna
from optuna.trial import TrialState

from sweeps.messages import Goal, State
from sweeps.pruners import Pruner
from sweeps.study.record import TrialRecord

optuna.logging.set_verbosity(optuna.logging.ERROR)
NAME = "a study"


class Stream:
    """Trials that start, report, fail, end early, and come back at an epoch that they had behind them.

    In some streams they report now and then only. ``reruns_differ``: an epoch that is trained again has
    another value than before, and the trial may end there; else training is deterministic.
    """

    def __init__(self, seed: int, epochs: int, goal: Goal, reruns_differ: bool = False) -> None:
        self.rng = random.Random(seed)
        self.epochs = epochs
        self.goal = goal
        self.reruns_differ = reruns_differ
        self.records: list[TrialRecord] = []
        self._often = self.rng.choice([1.0, 1.0, 0.6])
        self._plan: list[list[int]] = []  # by trial: the epochs that it reports
        self._done: dict[int, int] = {}  # running trial -> how many of them the latest attempt has behind it

    def steps(self, length: int) -> Iterator[tuple[TrialRecord, int | None]]:
        """(record, epoch) of every report before the last epoch; epoch None: it has come to COMPLETE.

        `prune` ends the trial that has just reported.
        """
        for _ in range(length):
            if not self._done or (len(self._done) < 6 and self.rng.random() < 0.15):
                self._start()
            record = self.records[self.rng.choice(sorted(self._done))]
            event = self.rng.random()
            if event < 0.06:
                self._done[record.number] = self.rng.randint(0, self._done[record.number])
            elif event < 0.12 and self._may_end(record):
                self._end(record, "COMPLETE" if event < 0.1 else "FAILED")
            elif self._done[record.number] == len(self._plan[record.number]):
                self._end(record, "COMPLETE")
            elif (epoch := self._report(record)) < self.epochs:
                yield record, epoch
            if record.state == "COMPLETE":
                yield record, None

    def _start(self) -> None:
        number = len(self.records)
        self.records.append(TrialRecord(number, {}))
        epochs = range(1, self.epochs + 1)
        self._plan.append([e for e in epochs if self.rng.random() < self._often] or [self.epochs])
        self._done[number] = 0

    def _may_end(self, record: TrialRecord) -> bool:
        done = self._done[record.number]
        overtaken = done > 0 and self._plan[record.number][done - 1] >= record.epochs
        return overtaken or (self.reruns_differ and done > 0)

    def prune(self, record: TrialRecord) -> None:
        self._end(record, "PRUNED")

    def best(self, record: TrialRecord, epoch: int) -> float:
        """Up to ``epoch``; what an earlier attempt reached after it does not count."""
        return curve(record, self.goal, epoch)[epoch]

    def _report(self, record: TrialRecord) -> int:
        epoch = self._plan[record.number][self._done[record.number]]
        value = self.rng.choice([round(self.rng.random(), 1), self.rng.gauss(0.5, 0.5)])
        if self.reruns_differ or epoch not in record.values:
            record.observe(epoch, value, self.goal)
        self._done[record.number] += 1
        return epoch

    def _end(self, record: TrialRecord, state: State) -> None:
        record.state = state
        done = self._done.pop(record.number)
        record.forget_after(self._plan[record.number][done - 1], self.goal)


def curve(record: TrialRecord, goal: Goal, until: int) -> dict[int, float]:
    """Best so far, by epoch."""
    epochs = [epoch for epoch in sorted(record.values) if epoch <= until]
    best = accumulate((record.values[e] for e in epochs), min if goal == "minimize" else max)
    return dict(zip(epochs, best, strict=True))


def ask(pruner: Pruner, stream: Stream, record: TrialRecord, epoch: int | None) -> bool | None:
    """One step of ``stream`` told to a pruner of ours."""
    if epoch is None:
        pruner.ended(record)
        return None
    return pruner.report(record.number, epoch, stream.best(record, epoch))


class Peer:
    """An Optuna pruner over a study in memory that holds best-so-far curves."""

    def __init__(self, pruner: optuna.pruners.BasePruner, stream: Stream) -> None:
        self.pruner = pruner
        self.stream = stream
        self.halves = not isinstance(pruner, optuna.pruners.PercentilePruner)
        self.storage = optuna.storages.InMemoryStorage()
        self.study = optuna.create_study(
            study_name=NAME, storage=self.storage, direction=stream.goal, pruner=pruner
        )
        self.ids: list[int] = []

    def ask(self, record: TrialRecord, epoch: int | None) -> bool | None:
        while len(self.ids) <= record.number:
            self.ids.append(self.storage.create_new_trial(self.study._study_id))
        if epoch is None:
            return self._complete(record)
        seen = curve(record, self.stream.goal, epoch)
        prunes = self._prune(record, seen)
        if prunes:
            self._stand(record, seen)
        return prunes

    def _prune(self, record: TrialRecord, seen: dict[int, float]) -> bool:
        trial = copy.copy(self.storage.get_trial(self.ids[record.number]))
        trial.intermediate_values = seen
        return self.pruner.prune(self.study, trial)

    def _stand(self, record: TrialRecord, seen: dict[int, float]) -> None:
        """On every rung up to the last epoch seen: Optuna enters one more whenever it is asked."""
        while self.halves and self._prune(record, seen):
            pass

    def _complete(self, record: TrialRecord) -> None:
        seen = curve(record, self.stream.goal, self.stream.epochs)
        last = max(seen)
        seen |= dict.fromkeys(range(last + 1, self.stream.epochs), seen[last])
        self._stand(record, {self.stream.epochs - 1: record.value})  # nobody is asked at the last one
        trial = self.ids[record.number]
        for epoch, value in seen.items():
            self.storage.set_trial_intermediate_value(trial, epoch, value)
        self.storage.set_trial_state_values(trial, TrialState.COMPLETE, [record.value])
