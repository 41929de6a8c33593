"""The reference engine: this process, one trial at a time, nothing in between; what a debugger wants."""

from __future__ import annotations

import contextlib
import importlib
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sweeps.clock import Clock
from sweeps.engines.base import Director, EngineSettings, Job, JobResult
from sweeps.engines.guard import Guard
from sweeps.engines.jobs import run_job
from sweeps.engines.output import Tee, cap_log, prints_of_user_code
from sweeps.engines.process import ProcessState
from sweeps.engines.slots import plan_slots, this_machine
from sweeps.engines.timeouts import Deadlines, import_overdue
from sweeps.errors import TargetError
from sweeps.messages import Decision, Died, Exhausted, Interrupted, Outcome, Raised, TrialSpec, Wait
from sweeps.paths import TrialPaths
from sweeps.trial import Overdue, Trial, load_function, run_attempt

TICK = 0.25  # seconds between two ticks of the controller, where the function reports as often


class InlineEngine:
    """Runs trials in the calling thread.

    The controller, and with it the clock of the budget, has its turn only when the function reports or ends.
    The function's prints go to the trial's log and to the terminal. Timeouts work in the main thread only,
    where an alarm can end the function. A function that kills the process ends the sweep.
    """

    workers = 1

    def __init__(self, settings: EngineSettings, preload: Sequence[str] = ("torch",)) -> None:
        """``preload`` is imported before the first trial, as for every worker of the local engine: a library
        that the first trial itself imported would be seeded from the second on.
        """
        self._settings = settings
        self._preload = tuple(preload)
        self._slot = plan_slots(settings.cpus, settings.gpus, 1, this_machine())[0]
        self.gpus = self._slot.gpus
        self._guard = Guard()
        self._tee = Tee()

    def clock(self, elapsed: float) -> Clock:
        return Clock()

    def run(self, controller: Director) -> None:
        function = self._load()
        if function is None:
            return
        for name in self._preload:
            importlib.import_module(name)
        with _threads(self._slot.cpus):
            process = ProcessState(self._slot.cpus)
            while not self._guard.killed:
                answer = controller.ask(worker="inline")
                if isinstance(answer, Exhausted):
                    return
                if isinstance(answer, Wait):
                    time.sleep(TICK)
                else:
                    try:
                        self._run_one(function, answer[0], controller)
                    finally:
                        process.restore()
                controller.tick()

    def call(self, job: Job) -> JobResult:
        deadlines = Deadlines(None, self._settings.trial_timeout, time.monotonic())
        with self._tee.into(TrialPaths(job.spec.directory).log):
            try:
                with self._guard.around_user_code(deadlines):
                    return run_job(job, self._settings.search_path, self._slot.device)
            except KeyboardInterrupt:  # it came just before or after the function
                return JobResult(None, Interrupted())
            except Overdue as error:
                return JobResult(None, Died("hang", str(error)))

    def kill(self) -> None:
        """End the running function: called in the main thread, it raises KeyboardInterrupt there."""
        self._guard.kill()

    def close(self) -> None:
        """Nothing to end: there is no other process."""

    def _load(self) -> Callable[[Trial], Any] | None:
        """The training function; None if killed meanwhile."""
        train, limit = self._settings.train, self._settings.report_timeout
        try:
            with (
                contextlib.redirect_stdout(prints_of_user_code()),
                self._guard.around_user_code(Deadlines(limit, None, time.monotonic())),
            ):
                return load_function(train, self._settings.search_path)
        except Overdue as error:
            raise TargetError(import_overdue(train, limit or 0.0)) from error
        except KeyboardInterrupt:
            if not self._guard.killed:
                raise
            return None

    def _run_one(self, function: Callable[[Trial], Any], spec: TrialSpec, controller: Director) -> None:
        deadlines = Deadlines(self._settings.report_timeout, self._settings.trial_timeout, time.monotonic())
        with self._tee.into(TrialPaths(spec.directory).log), contextlib.chdir("."):
            channel = _Channel(controller, spec, self._guard, deadlines, self._tee)
            outcome = self._attempt(function, spec, channel, deadlines)
        if channel.failure is not None:
            raise channel.failure  # the controller's, not the function's: the trial stays as it is
        if isinstance(outcome, Interrupted):
            controller.interrupt()
        controller.finish(spec.number, spec.attempt, outcome)

    def _attempt(
        self, function: Callable[[Trial], Any], spec: TrialSpec, channel: _Channel, deadlines: Deadlines
    ) -> Outcome:
        try:
            with self._guard.around_user_code(deadlines):
                outcome = run_attempt(function, spec, channel, self._slot.device)
                left_debugger = isinstance(outcome, Raised) and outcome.message.startswith("BdbQuit")
                return Interrupted() if left_debugger else outcome
        except KeyboardInterrupt:  # these two came just before or after the function
            return Interrupted()
        except Overdue as error:
            return Died("hang", str(error))


class _Channel:
    """The way to the controller is a call."""

    def __init__(
        self, controller: Director, spec: TrialSpec, guard: Guard, deadlines: Deadlines, tee: Tee
    ) -> None:
        self._controller = controller
        self._spec = spec
        self._guard = guard
        self._deadlines = deadlines
        self._tee = tee
        self.failure: Exception | None = None  # what the controller raised
        self._ticked = time.monotonic()

    def report(self, epoch: int, metrics: Mapping[str, float]) -> Decision:
        self._deadlines.reported(time.monotonic())
        with self._tee.suspended(), self._guard.around_controller():
            try:
                return self._ask(epoch, metrics)
            except Exception as error:
                self.failure = error
                raise

    def _ask(self, epoch: int, metrics: Mapping[str, float]) -> Decision:
        decision = self._controller.report(self._spec.number, self._spec.attempt, epoch, metrics)
        if time.monotonic() - self._ticked >= TICK:
            self._ticked = time.monotonic()
            self._controller.tick()
            cap_log(TrialPaths(self._spec.directory).log)
        return decision


@contextlib.contextmanager
def _threads(cpus: int) -> Iterator[None]:
    """Compute with as many threads as a worker of the local engine would: sums depend on it in the last
    digit.
    """
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(cpus)
    try:
        yield
    finally:
        torch.set_num_threads(before)
