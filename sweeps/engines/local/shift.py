"""One run of the local engine: which worker does what for the controller."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sweeps.engines.base import Director, EngineSettings
from sweeps.engines.local.crew import Crew, Member, Message
from sweeps.engines.local.supervisor import KILL
from sweeps.engines.output import cap_log
from sweeps.engines.slots import Slot
from sweeps.engines.stacks import telling
from sweeps.engines.timeouts import Deadlines, import_overdue
from sweeps.errors import TargetError
from sweeps.messages import Died, Exhausted, Interrupted, Outcome, Raised, TrialSpec, Wait
from sweeps.paths import TrialPaths

_SAID_LINES = 20  # of a worker that died while importing
_FAILED_STARTS = 3  # in a row, until the training function counts as lost
TICK = 0.25  # seconds between two looks at clocks and logs


class Shift:
    """Hands trials to idle workers and their words to the controller."""

    def __init__(
        self, controller: Director, crew: Crew, settings: EngineSettings, slots: Sequence[Slot]
    ) -> None:
        self._controller = controller
        self._crew = crew
        self._settings = settings
        self._slots = slots
        self._running: dict[Member, TrialSpec] = {}
        self._changed = True  # whether somebody may be without work, or a slot without a worker
        self._waits = False  # whether a worker was told to wait
        self._exhausted = False
        self._was_ready = False  # whether a worker ever was
        self._failed_starts = 0  # since the last worker that was ready
        self._looked_after = time.monotonic()

    @property
    def over(self) -> bool:
        """Whether nothing runs and nothing will."""
        return not self._running and (self._exhausted or self._controller.interrupted)

    def assign(self) -> None:
        """Hire for every empty slot, and give every idle worker a trial."""
        if not self._changed or self._exhausted or self._controller.interrupted:
            return
        self._changed = self._waits = False
        staying = {member.slot for member in self._crew.members if member.state != "leaving"}
        leaving = {member.slot for member in self._crew.members if member.state == "leaving"}
        for slot in self._slots:
            if slot not in staying:
                member = self._crew.hire(slot, self._settings.train)
                member.deadlines = Deadlines(self._settings.report_timeout, None, time.monotonic())
        for member in list(self._crew.members):
            # The next trial waits for the old worker's end: both may not fit on one GPU.
            if member.state == "idle" and member.slot not in leaving:
                self._start_trial(member)

    def handle(self, member: Member, message: Message) -> None:
        """Act on one word of a worker; raises TargetError if workers cannot import the training function."""
        match message:
            case ("report", number, attempt, epoch, metrics):
                if member.late is None:
                    member.send(self._controller.report(number, attempt, epoch, metrics))
                    member.deadlines.reported(time.monotonic())
                    self._changed |= self._waits  # the others may have waited for this report
            case ("finish", number, attempt, outcome, fit):
                # Anything else than the running attempt was told by a copy of the worker.
                if (spec := self._running.get(member)) and (number, attempt) == (spec.number, spec.attempt):
                    self._finish(member, outcome, fit)
            case ("ready",):
                self._ready(member)
            case ("unusable", text):
                self._crew.dismiss(member)
                self._failed_start(text)
            case ("ended", death, said):
                self._ended(member, death, said)

    def look_after(self) -> None:
        """What has to happen now and then: late trials, long logs, the controller's tick."""
        now = time.monotonic()
        if now - self._looked_after < TICK:
            return
        self._looked_after = now
        for spec in self._running.values():
            cap_log(TrialPaths(spec.directory).log)
        for member in self._crew.members:
            if member.state in ("starting", "busy") and member.late is None:
                self._end_if_late(member, now)
        self._crew.hurry_leavers()
        self._changed |= self._waits  # a trial may be due that was to be started again later
        self._controller.tick()

    def abandon(self) -> None:
        """Every trial still running was cut short by us."""
        for spec in self._running.values():
            self._controller.finish(spec.number, spec.attempt, Interrupted())
        self._running.clear()

    def _start_trial(self, member: Member) -> None:
        """Start one if there is one for this worker."""
        answer = self._controller.ask(worker=member.slot.name)
        if isinstance(answer, Wait | Exhausted):
            self._waits |= isinstance(answer, Wait)
            self._exhausted |= isinstance(answer, Exhausted)
            return
        spec = answer[0]
        limits = self._settings.report_timeout, self._settings.trial_timeout
        member.start(spec, Deadlines(*limits, time.monotonic()))
        self._running[member] = spec

    def _ready(self, member: Member) -> None:
        if member.late is not None:  # its end is on the way
            return
        self._was_ready = True
        self._failed_starts = 0
        member.state = "idle"
        self._changed = True

    def _failed_start(self, text: str) -> None:
        """A worker could not be had. What could be imported once may work again: a full disk, an edit."""
        self._changed = True
        self._failed_starts += 1
        if not self._was_ready or self._failed_starts >= _FAILED_STARTS:
            raise TargetError(text)

    def _end_if_late(self, member: Member, now: float) -> None:
        if not (missed := member.deadlines.missed(now)):
            return
        if member.state == "starting":
            missed = import_overdue(self._settings.train, self._settings.report_timeout or 0.0)
        self._crew.terminate(member, missed)

    def _finish(self, member: Member, outcome: Outcome, fit: bool) -> None:
        spec = self._running.pop(member)
        self._changed = True
        if member.late is not None:
            member.order(KILL)  # no need to wait for the end of its grace
            self._controller.finish(spec.number, spec.attempt, Died("hang", member.late))
            return
        self._controller.finish(spec.number, spec.attempt, outcome)
        if isinstance(outcome, Raised):
            self._crew.kills.forget()  # what was killed under the function has raised there
        if not fit or isinstance(outcome, Raised) or self._is_used_up(member):
            self._crew.dismiss(member)
        else:
            member.state = "idle"

    def _is_used_up(self, member: Member) -> bool:
        limit = 1 if self._settings.isolation == "trial" else self._settings.max_trials_per_worker
        return limit is not None and member.trials >= limit

    def _ended(self, member: Member, death: Died, said: str) -> None:
        self._changed = True
        if member.state == "starting":
            ended = f"importing {self._settings.train!r} ended the worker process: {death.message}"
            lines = telling(said.splitlines(), _SAID_LINES)
            self._failed_start("\n".join([member.late or ended, "", *lines]).rstrip())
        if (spec := self._running.pop(member, None)) is not None:
            outcome = death if member.late is None else Died("hang", member.late)
            self._controller.finish(spec.number, spec.attempt, outcome)
