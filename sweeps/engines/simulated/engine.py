"""Trials of recorded or modelled learning curves, under a virtual clock.

Events wait in a heap, by time; the clock jumps from one to the next. Nothing depends on how fast this
machine is, so the same spec gives the same sweep.
"""

from __future__ import annotations

import heapq
import time
from collections import deque
from dataclasses import dataclass, field

from sweeps.clock import Clock
from sweeps.engines.base import Director, EngineSettings, Job, JobResult
from sweeps.engines.simulated.curves import Curve, CurveOf, checked, load_curves
from sweeps.engines.simulated.faults import Faults
from sweeps.engines.simulated.history import History
from sweeps.errors import UsageError
from sweeps.messages import Died, Exhausted, Interrupted, Outcome, Returned, Stop, TrialSpec, Wait

TICK = 0.25  # real seconds between two ticks of the controller
_STEP = 1.0  # virtual seconds until a controller that had nothing is asked again, where nothing else happens


class VirtualTime:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0
        self._begun = time.time()

    def clock(self) -> Clock:
        return Clock(lambda: self._begun + self.now, lambda: self.now)


@dataclass(slots=True)
class _Attempt:
    """What runs on a worker."""

    spec: TrialSpec
    curve: Curve
    history: History
    epoch: int  # the latest that was reported
    dies_in: int | None
    ended: bool = False


@dataclass(order=True, slots=True)
class _Due:
    """Something that happens at ``time``: an epoch of an attempt ends, or a node goes."""

    time: float
    order: int
    worker: int = field(compare=False)
    attempt: _Attempt | None = field(compare=False, default=None)


class SimulatedEngine:
    """``workers`` virtual workers, each with one trial at a time; the training function is not called."""

    def __init__(self, settings: EngineSettings) -> None:
        """Raises TargetError or UsageError if the curves cannot be had."""
        if settings.curves is None:
            raise UsageError("engine: simulated needs learning curves: write curves: package.module:factory")
        self.workers = settings.workers or 1
        self.gpus = settings.gpus or 0.0
        self._settings = settings
        self._curve_of: CurveOf = load_curves(settings.curves, settings.search_path)
        self._faults = Faults(settings.simulation, settings.simulation.seed)
        self._time = VirtualTime()
        self.clock = self._time.clock()
        self._heap: list[_Due] = []
        self._order = 0
        self._idle: deque[int] = deque()
        self._running: dict[int, _Attempt] = {}  # by worker
        self._replaced: dict[int, int] = {}  # node -> machines lost so far
        self._killed = False

    def run(self, controller: Director) -> None:
        """Raises UsageError for a curve that is none."""
        self._idle.extend(range(self.workers))
        for node in range(0, self.workers, self._settings.simulation.node_size):
            self._schedule_loss(node)
        exhausted, ticked = False, time.monotonic()
        while not self._killed:
            exhausted = exhausted or self._assign(controller)
            if exhausted and not self._running:
                return
            self._advance(controller)
            if time.monotonic() - ticked >= TICK:
                ticked = time.monotonic()
                controller.tick()
        for attempt in self._running.values():
            self._finish(controller, attempt, Interrupted())

    def call(self, job: Job) -> JobResult:
        """There is no model to export and nothing to test."""
        note = "a simulated sweep trains no model"
        return JobResult({"export": [], "note": note, "test": None}, Returned())

    def kill(self) -> None:
        self._killed = True

    def close(self) -> None:
        """Nothing to end: there is no other process."""

    def _assign(self, controller: Director) -> bool:
        """Give idle workers trials while there are any; whether there will never be more."""
        for _ in range(len(self._idle)):
            worker = self._idle[0]
            answer = controller.ask(worker=f"sim{worker}")
            if isinstance(answer, Exhausted):
                return True
            self._idle.rotate(-1)
            if isinstance(answer, Wait):
                return False
            self._idle.pop()
            self._start(worker, answer[0])
        return False

    def _start(self, worker: int, spec: TrialSpec) -> None:
        history = History(spec, self.clock)
        curve = checked(self._curve_of(spec.config, spec.seed, spec.epochs), spec.metric, spec.epochs)
        left = spec.epochs - history.last
        crash = self._faults.crash_in(spec.number, spec.attempt, left)
        attempt = _Attempt(spec, curve, history, history.last, crash and history.last + crash)
        self._running[worker] = attempt
        self._schedule_epoch(worker, attempt, self._settings.simulation.startup)

    def _schedule_epoch(self, worker: int, attempt: _Attempt, delay: float = 0.0) -> None:
        seconds = delay + attempt.curve.seconds[attempt.epoch]
        self._schedule(seconds * self._faults.slowdown(worker), worker, attempt)

    def _schedule_loss(self, node: int) -> None:
        life = self._faults.life(node, self._replaced.get(node, 0))
        if life is not None:
            self._schedule(life, node, None)

    def _schedule(self, delay: float, worker: int, attempt: _Attempt | None) -> None:
        self._order += 1
        heapq.heappush(self._heap, _Due(self._time.now + delay, self._order, worker, attempt))

    def _advance(self, controller: Director) -> None:
        """Let the next thing happen."""
        if not self._running:  # only losses may be due, and somebody may wait for a retry
            self._time.now = min([self._time.now + _STEP, *(due.time for due in self._heap[:1])])
        if not self._heap or (not self._running and self._heap[0].time > self._time.now):
            return
        due = heapq.heappop(self._heap)
        self._time.now = max(self._time.now, due.time)
        if due.attempt is None:
            self._lose(controller, due.worker)
        elif not due.attempt.ended:
            self._end_epoch(controller, due.worker, due.attempt)

    def _end_epoch(self, controller: Director, worker: int, attempt: _Attempt) -> None:
        spec, epoch = attempt.spec, attempt.epoch + 1
        if epoch == attempt.dies_in:
            self._leave(controller, worker, Died("crash", "a simulated crash"))
            return
        metrics = {name: float(values[epoch - 1]) for name, values in attempt.curve.metrics.items()}
        attempt.epoch = epoch
        attempt.history.append(epoch, metrics)
        decision = controller.report(spec.number, spec.attempt, epoch, metrics)
        last = spec.epochs if spec.pause_at is None else spec.pause_at
        if isinstance(decision, Stop) and decision.reason == "interrupted":
            self._leave(controller, worker, Interrupted())
        elif isinstance(decision, Stop) or epoch >= last:
            self._leave(controller, worker, Returned())
        else:
            self._schedule_epoch(worker, attempt)

    def _lose(self, controller: Director, node: int) -> None:
        """A machine goes with all that runs on it; another one takes its place."""
        size = self._settings.simulation.node_size
        for worker in range(node, min(node + size, self.workers)):
            if worker in self._running:
                self._leave(controller, worker, Died("lost", f"simulated node {node // size} is gone"))
        self._replaced[node] = self._replaced.get(node, 0) + 1
        self._schedule_loss(node)

    def _leave(self, controller: Director, worker: int, outcome: Outcome) -> None:
        attempt = self._running.pop(worker)
        self._idle.append(worker)
        self._finish(controller, attempt, outcome)

    def _finish(self, controller: Director, attempt: _Attempt, outcome: Outcome) -> None:
        attempt.ended = True
        attempt.history.close()
        controller.finish(attempt.spec.number, attempt.spec.attempt, outcome)
