"""The virtual clock that the peers' methods run on: the same one as that of ``engine: simulated``.

Deciding takes no simulated time; what it takes really is measured beside.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from benchmarks.search.problems import METRIC, Problem
from benchmarks.search.regret import Trace


class Method(Protocol):
    """A search as its own library does it. Trials are numbered 0, 1, ..."""

    def suggest(self, number: int) -> Mapping[str, Any]:
        """The next configuration."""

    def report(self, number: int, epoch: int, loss: float) -> bool:
        """Whether to stop the trial here. Asked at each epoch, the last one included, where it is ignored."""

    def finish(self, number: int, complete: bool) -> None:
        """The trial has ended: ``complete`` after its last epoch, or else stopped."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a search did.

    Attributes:
        trace: the better losses it found, any epoch of any trial counted.
        trials: begun.
        epochs: reported within the time.
        sampler_ms: real milliseconds a trial spent on choosing configurations.
        report_ms: the same a report, spent on whether to stop.
    """

    trace: Trace
    trials: int
    epochs: int
    sampler_ms: float
    report_ms: float


class Tally:
    """Counts what is reported until ``budget`` simulated seconds."""

    def __init__(self, budget: float) -> None:
        self._budget = budget
        self._found: list[tuple[float, float]] = []
        self.epochs = 0

    def report(self, second: float, loss: float) -> None:
        if second > self._budget:
            return
        self.epochs += 1
        if not self._found or loss < self._found[-1][1]:
            self._found.append((second, loss))

    def outcome(self, trials: int, sampling: float, deciding: float) -> Outcome:
        """``sampling`` and ``deciding`` are the real seconds of it all."""
        trace = Trace([second for second, _ in self._found], [loss for _, loss in self._found])
        return Outcome(
            trace,
            trials,
            self.epochs,
            1000 * sampling / max(trials, 1),
            1000 * deciding / max(self.epochs, 1),
        )


@dataclass(order=True, slots=True)
class _Epoch:
    """The end of an epoch; equal times in the order in which they were begun."""

    second: float
    order: int
    number: int
    epoch: int


class Simulation:
    """One search of ``method`` on ``workers`` workers until ``budget`` simulated seconds."""

    def __init__(self, searched: Problem, method: Method, workers: int, budget: float) -> None:
        self._problem, self._method, self._workers, self._budget = searched, method, workers, budget
        self._curves: dict[int, tuple[list[float], list[float]]] = {}
        self._heap: list[_Epoch] = []
        self._order = self._trials = 0
        self._sampling = self._deciding = 0.0

    def run(self) -> Outcome:
        tally = Tally(self._budget)
        for _ in range(self._workers):
            self._start(0.0)
        while self._heap[0].second <= self._budget:
            due = heapq.heappop(self._heap)
            loss = self._curves[due.number][0][due.epoch - 1]
            tally.report(due.second, loss)
            begun = time.perf_counter()
            ended = self._ends(due, loss)
            self._deciding += time.perf_counter() - begun
            if ended:
                del self._curves[due.number]
                self._start(due.second)
            else:
                self._schedule(due.second, due.number, due.epoch + 1)
        return tally.outcome(self._trials, self._sampling, self._deciding)

    def _start(self, now: float) -> None:
        number, self._trials = self._trials, self._trials + 1
        begun = time.perf_counter()
        config = self._method.suggest(number)
        self._sampling += time.perf_counter() - begun
        metrics, seconds = self._problem.curve(config, 0, self._problem.epochs)
        self._curves[number] = (metrics[METRIC], seconds)
        self._schedule(now, number, 1)

    def _ends(self, due: _Epoch, loss: float) -> bool:
        stopped = self._method.report(due.number, due.epoch, loss)
        complete = due.epoch == self._problem.epochs
        if complete or stopped:
            self._method.finish(due.number, complete)
        return complete or stopped

    def _schedule(self, now: float, number: int, epoch: int) -> None:
        self._order += 1
        seconds = self._curves[number][1][epoch - 1]
        heapq.heappush(self._heap, _Epoch(now + seconds, self._order, number, epoch))
