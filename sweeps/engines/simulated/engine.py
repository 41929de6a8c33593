"""Trials of recorded or modelled learning curves, under a virtual clock.

Events wait in a heap, by time; the clock jumps from one to the next. Nothing depends on how fast this
machine is, so the same spec gives the same sweep. The clock counts from the beginning of the sweep, over all
its runs: every time that a simulated sweep writes down is in these seconds.
"""

from __future__ import annotations

import contextlib
import heapq
import time
from collections import deque
from dataclasses import dataclass
from math import inf
from typing import NamedTuple

from sweeps.clock import Clock
from sweeps.engines.base import Director, EngineSettings, Job, JobResult
from sweeps.engines.guard import Guard
from sweeps.engines.output import prints_of_user_code
from sweeps.engines.simulated.curves import Curve, CurveOf, checked, load_curves
from sweeps.engines.simulated.faults import Faults
from sweeps.engines.simulated.history import History
from sweeps.engines.timeouts import Deadlines
from sweeps.errors import UsageError
from sweeps.messages import (
    Died,
    Exhausted,
    Interrupted,
    Outcome,
    Raised,
    Returned,
    Stop,
    TrialSpec,
)
from sweeps.paths import TrialPaths
from sweeps.trial.attempt import describe
from sweeps.trial.config import Config

TICK = 0.25  # real seconds between two ticks of the controller


@dataclass(slots=True)
class _Attempt:
    """What runs on a worker. ``epoch`` is the latest that was reported."""

    spec: TrialSpec
    curve: Curve
    history: History
    deadlines: Deadlines
    epoch: int
    dies_in: int | None = None  # the epoch
    end: Outcome | None = None  # what comes next instead of a report
    over: bool = False

    @property
    def at_its_end(self) -> bool:
        """Whether all the epochs that it is to train are there."""
        return self.epoch >= (self.spec.epochs if self.spec.pause_at is None else self.spec.pause_at)


class _Due(NamedTuple):
    """Something that happens at ``time``: on a worker the next word of its attempt, or the loss of a node."""

    time: float
    order: int  # of two at the same time; never the same
    place: int  # worker or node
    attempt: _Attempt | None


class SimulatedEngine:
    """``workers`` virtual workers, each with one trial at a time; the training function is not called."""

    def __init__(self, settings: EngineSettings) -> None:
        """Raises TargetError or UsageError if the curves cannot be had."""
        if settings.curves is None:
            raise UsageError("engine: simulated needs learning curves: write curves: package.module:factory")
        self.workers = settings.workers or 1
        self.gpus = settings.gpus or 0.0
        self._settings = settings
        self._guard = Guard()
        with contextlib.redirect_stdout(prints_of_user_code()):
            self._curve_of: CurveOf = load_curves(settings.curves, settings.search_path)
        self._faults = Faults(settings.simulation)
        self._slowdown = [self._faults.slowdown(worker) for worker in range(self.workers)]
        nodes = range(-(-self.workers // settings.simulation.node_size))
        self._losses = [self._faults.losses(node) for node in nodes]
        self._now = 0.0
        self._wake = inf  # when a worker that was told to wait is to ask again
        self._heap: list[_Due] = []
        self._order = 0
        self._idle: deque[int] = deque()
        self._running: dict[int, _Attempt] = {}  # by worker
        self._exhausted = False
        self._ticked = time.monotonic()

    def clock(self, elapsed: float) -> Clock:
        self._now = elapsed
        return Clock(lambda: self._now, lambda: self._now)

    def run(self, controller: Director) -> None:
        self._idle.extend(range(self.workers))
        for node in range(len(self._losses)):
            self._schedule_loss(node)
        while not self._guard.killed:
            self._assign(controller)
            if self._exhausted and not self._running:
                return
            self._advance(controller)
            self._tick(controller)
        for worker in list(self._running):
            self._leave(controller, worker, Interrupted())

    def call(self, job: Job) -> JobResult:
        """There is no model to export and nothing to test."""
        return JobResult({"export": [], "note": "a simulated sweep trains none", "test": None}, Returned())

    def kill(self) -> None:
        """Leave `run` after what it does now; the user's function is ended by a KeyboardInterrupt."""
        self._guard.kill()

    def close(self) -> None:
        """Nothing to end: there is no other process."""

    def _tick(self, controller: Director) -> None:
        if time.monotonic() - self._ticked >= TICK:
            self._ticked = time.monotonic()
            controller.tick()

    # --- starting ---------------------------------------------------------------------------

    def _assign(self, controller: Director) -> None:
        """Give idle workers trials while there are any. A worker that is told to wait speaks for all."""
        self._wake = inf
        while self._idle and not self._exhausted and not self._guard.killed:
            answer = controller.ask(worker=f"sim{self._idle[0]}")
            if isinstance(answer, Exhausted):
                self._exhausted = True
            elif isinstance(answer, list):
                self._start(self._idle.popleft(), answer[0])
                self._tick(controller)  # a curve may take its time
            elif answer.closed:
                self._idle.popleft()
            else:
                self._wake = inf if answer.until is None else answer.until
                return

    def _start(self, worker: int, spec: TrialSpec) -> None:
        history = History(spec)
        # A driver that was killed may have forgotten how late it was: not later than what was written.
        self._now = max(self._now, history.when)
        limits = self._settings.report_timeout, self._settings.trial_timeout
        curve, end = self._curve(spec)
        attempt = _Attempt(spec, curve, history, Deadlines(*limits, self._now), history.last, end=end)
        attempt.dies_in = self._faults.crash(spec.number, spec.attempt, history.last + 1)
        self._running[worker] = attempt
        self._go_on(worker, attempt, self._settings.simulation.startup)

    def _curve(self, spec: TrialSpec) -> tuple[Curve, Outcome | None]:
        """The trial's curve; or none, and how asking for it has ended."""
        try:
            with contextlib.redirect_stdout(prints_of_user_code()), self._guard.around_user_code(None):
                curve = self._curve_of(Config(spec.config), spec.seed, spec.epochs)
            return checked(curve, spec.metric, spec.epochs, spec.besides), None
        except KeyboardInterrupt:
            if not self._guard.killed:
                raise
            return _NONE, Interrupted()
        except (Exception, SystemExit) as error:  # noqa: BLE001  the boundary round the user's code
            raised = describe(error, spec.directory)
        _keep_traceback(raised, spec)
        return _NONE, raised

    # --- time -------------------------------------------------------------------------------

    def _go_on(self, worker: int, attempt: _Attempt, delay: float = 0.0) -> None:
        """Let the attempt begin its next epoch, if it has one, after ``delay`` seconds."""
        if attempt.at_its_end:
            attempt.end = attempt.end or Returned()
        elif attempt.end is None:
            delay += attempt.curve.seconds[attempt.epoch]
            if attempt.epoch + 1 == attempt.dies_in:
                attempt.end = Died("crash", "a simulated crash")
        due = self._now + delay * self._slowdown[worker]
        late = attempt.deadlines.next()
        if late is not None and late[0] < due:
            due, attempt.end = late[0], Died("hang", late[1])
        self._schedule(due, worker, attempt)

    def _schedule_loss(self, node: int) -> None:
        """The next machine in this place that is lost, if any is."""
        due = next((time for time in self._losses[node] if time > self._now), None)
        if due is not None:
            self._schedule(due, node, None)

    def _schedule(self, due: float, place: int, attempt: _Attempt | None) -> None:
        self._order += 1
        heapq.heappush(self._heap, _Due(due, self._order, place, attempt))

    def _advance(self, controller: Director) -> None:
        """Let the next thing happen."""
        if self._wake < (self._heap[0].time if self._heap else inf):
            self._now = self._wake
            return
        due = heapq.heappop(self._heap)
        self._now = max(self._now, due.time)
        if due.attempt is None:
            self._lose(controller, due.place)
        elif not due.attempt.over:
            self._hear(controller, due.place, due.attempt)

    # --- what an attempt says ---------------------------------------------------------------

    def _hear(self, controller: Director, worker: int, attempt: _Attempt) -> None:
        """The attempt reports its epoch, or ends."""
        if attempt.end is not None:
            self._leave(controller, worker, attempt.end)
            return
        spec, epoch = attempt.spec, attempt.epoch + 1
        metrics = {name: values[epoch - 1] for name, values in attempt.curve.metrics.items()}
        attempt.epoch = epoch
        attempt.deadlines.reported(self._now)
        attempt.history.append(epoch, self._now, metrics)
        decision = controller.report(spec.number, spec.attempt, epoch, metrics)
        if isinstance(decision, Stop) and decision.reason == "interrupted":
            self._leave(controller, worker, Interrupted())
        elif isinstance(decision, Stop) or attempt.at_its_end:
            self._leave(controller, worker, Returned())
        else:
            self._go_on(worker, attempt)

    def _lose(self, controller: Director, node: int) -> None:
        """A machine goes with all that runs on it; another one takes its place."""
        size = self._settings.simulation.node_size
        for worker in range(node * size, min((node + 1) * size, self.workers)):
            if worker in self._running:
                self._leave(controller, worker, Died("lost", f"simulated node {node} is gone"))
        self._schedule_loss(node)

    def _leave(self, controller: Director, worker: int, outcome: Outcome) -> None:
        attempt = self._running.pop(worker)
        self._idle.append(worker)
        attempt.over = True
        controller.finish(attempt.spec.number, attempt.spec.attempt, outcome)


_NONE = Curve({}, ())


def _keep_traceback(raised: Raised, spec: TrialSpec) -> None:
    with open(TrialPaths(spec.directory).log, "a", encoding="utf-8") as log:
        log.write(raised.traceback)
