"""The local engine: one thread that hands trials to worker processes and their reports to the controller."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from sweeps.clock import Clock
from sweeps.engines.base import Director, EngineSettings, Job, JobResult
from sweeps.engines.descriptors import require_descriptors
from sweeps.engines.local.crew import Crew, Member, Message
from sweeps.engines.local.launcher import Launcher
from sweeps.engines.local.shift import TICK, Shift
from sweeps.engines.local.supervisor import GRACE
from sweeps.engines.slots import Slot, plan_slots, this_machine
from sweeps.engines.timeouts import Deadlines
from sweeps.errors import TargetError
from sweeps.messages import Died, Interrupted

_START_TICK = 0.02  # seconds between two looks at the forkserver while it starts


class LocalEngine:
    """Runs as many trials at once as there are slots, each in a worker process of its own.

    A worker is kept over trials, and replaced after a failure, after a trial that left threads behind, after
    ``max_trials_per_worker``, or, with ``isolation="trial"``, after each. A slot's next trial starts when its
    old worker has ended.
    """

    def __init__(
        self,
        settings: EngineSettings,
        preload: Sequence[str] = ("torch",),
        slots: Sequence[Slot] | None = None,
        shared: Path | None = None,
    ) -> None:
        """``preload`` is imported before workers fork. ``slots`` are given by who knows better than this
        machine what is free, and ``shared`` by who has a forkserver already: its door. Raises UsageError if
        the machine has no room for one trial, or too few files may be open.
        """
        self._settings = settings
        self._slots = slots or plan_slots(
            settings.cpus,
            settings.gpus,
            settings.workers,
            this_machine(),
            settings.ranks.size if settings.ranks else 1,
        )
        require_descriptors(len(self._slots))
        self._launcher = Launcher(preload, shared=shared, folder=settings.folder)
        self._crew = Crew(self._launcher, settings.search_path, settings.ranks)
        self._killed = False
        self.workers = len(self._slots)
        self.gpus = self._slots[0].gpus

    def clock(self, elapsed: float) -> Clock:
        return Clock()

    def run(self, controller: Director) -> None:
        shift = Shift(controller, self._crew, self._settings, self._slots)
        try:
            self._work(shift)
        except TargetError:
            self._killed = True
            raise
        finally:
            # On any other error the trials stay RUNNING in the study, and are taken up when it is resumed.
            self._crew.kill()
            if self._killed:
                shift.abandon()

    def _work(self, shift: Shift) -> None:
        while not self._killed and not shift.over:
            ready = self._launcher.ready()
            if ready:
                shift.assign()
            for member, message in self._crew.messages(TICK if ready else _START_TICK):
                shift.handle(member, message)
            shift.look_after()
        if not self._killed:
            self._let_go()

    def call(self, job: Job) -> JobResult:
        member = self._crew.hire(self._slots[0], None)
        result = None
        while result is None and not self._killed:
            for sender, message in self._crew.messages(TICK):
                if sender is member and result is None:
                    result = self._job_step(member, message, job)
            if member.late is None and (missed := member.deadlines.missed(time.monotonic())):
                self._crew.terminate(member, missed)
        if member in self._crew.members and not self._killed:
            self._let_go()
        self._crew.kill()
        return result or JobResult(None, Interrupted())

    def kill(self) -> None:
        self._killed = True
        self._crew.wake()

    def close(self) -> None:
        self._crew.close()
        self._launcher.close()

    def _let_go(self) -> None:
        for member in self._crew.members:
            self._crew.dismiss(member)
        self._crew.see_off(GRACE)

    def _job_step(self, member: Member, message: Message, job: Job) -> JobResult | None:
        match message:
            case ("ready",):
                member.deadlines = Deadlines(None, self._settings.trial_timeout, time.monotonic())
                member.send(("call", job))
            case ("result", JobResult() as result) if member.late is None:
                return result
            case ("ended", Died() as death, _):
                return JobResult(None, Died("hang", member.late) if member.late else death)
        return None
