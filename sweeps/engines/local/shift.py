"""One run of the local engine: which worker does what for the controller."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sweeps.engines.base import Director, EngineSettings
from sweeps.engines.local.crew import Crew, Member, Message
from sweeps.engines.local.supervisor import KILL
from sweeps.engines.output import cap_log
from sweeps.engines.slots import Slot
from sweeps.engines.timeouts import Deadlines
from sweeps.errors import TargetError
from sweeps.messages import Died, Exhausted, Interrupted, Outcome, Raised, TrialSpec, Wait
from sweeps.paths import TrialPaths

_SAID_CHARACTERS = 4_000  # of a worker that died while importing
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
        self._exhausted = False
        self._looked_after = time.monotonic()

    @property
    def over(self) -> bool:
        """Whether nothing runs and nothing will."""
        return not self._running and (self._exhausted or self._controller.interrupted)

    def assign(self) -> None:
        """Hire for every empty slot, and give every idle worker a trial."""
        if not self._changed or self._exhausted or self._controller.interrupted:
            return
        self._changed = False
        staying = {member.slot for member in self._crew.members if member.state != "leaving"}
        leaving = {member.slot for member in self._crew.members if member.state == "leaving"}
        for slot in self._slots:
            if slot not in staying:
                self._crew.hire(slot, self._settings.train)
        for member in list(self._crew.members):
            # The next trial waits for the old worker's end: both may not fit on one GPU.
            if member.state == "idle" and member.slot not in leaving and not self._start_trial(member):
                return

    def handle(self, member: Member, message: Message) -> None:
        """Act on one word of a worker; raises TargetError if it cannot import the training function."""
        match message:
            case ("report", number, attempt, epoch, metrics):
                if member.late is None:
                    member.send(self._controller.report(number, attempt, epoch, metrics))
                    member.deadlines.reported(time.monotonic())
            case ("finish", _, _, outcome):
                self._finish(member, outcome)
            case ("ready",):
                member.state = "idle"
                self._changed = True
            case ("unusable", text):
                raise TargetError(text)
            case ("ended", death, said):
                self._ended(member, death, said)

    def look_after(self) -> None:
        """What has to happen now and then: late trials, long logs, the controller's tick."""
        now = time.monotonic()
        if now - self._looked_after < TICK:
            return
        self._looked_after = now
        for member, spec in self._running.items():
            cap_log(TrialPaths(spec.directory).log)
            if member.late is None and (missed := member.deadlines.missed(now)):
                self._crew.terminate(member, missed)
        self._crew.hurry_leavers()
        self._controller.tick()

    def abandon(self) -> None:
        """Every trial still running was cut short by us."""
        for spec in self._running.values():
            self._controller.finish(spec.number, spec.attempt, Interrupted())
        self._running.clear()

    def _start_trial(self, member: Member) -> bool:
        """Whether there was one to start."""
        answer = self._controller.ask(worker=member.slot.name)
        if isinstance(answer, Wait | Exhausted):
            # After a Wait, the next end of a trial changes things and asks again.
            self._exhausted = isinstance(answer, Exhausted)
            return False
        spec = answer[0]
        limits = self._settings.report_timeout, self._settings.trial_timeout
        member.start(spec, Deadlines(*limits, time.monotonic()))
        self._running[member] = spec
        return True

    def _finish(self, member: Member, outcome: Outcome) -> None:
        spec = self._running.pop(member)
        self._changed = True
        if member.late is not None:
            member.order(KILL)  # no need to wait for the end of its grace
            self._controller.finish(spec.number, spec.attempt, Died("hang", member.late))
            return
        self._controller.finish(spec.number, spec.attempt, outcome)
        if isinstance(outcome, Raised) or self._is_used_up(member):
            self._crew.dismiss(member)
        else:
            member.state = "idle"

    def _is_used_up(self, member: Member) -> bool:
        limit = 1 if self._settings.isolation == "trial" else self._settings.max_trials_per_worker
        return limit is not None and member.trials >= limit

    def _ended(self, member: Member, death: Died, said: str) -> None:
        self._changed = True
        if member.state == "starting":
            how = f"{death.message}\n\n{said[-_SAID_CHARACTERS:]}".rstrip()
            raise TargetError(f"importing {self._settings.train!r} ended the worker process: {how}")
        if (spec := self._running.pop(member, None)) is not None:
            outcome = death if member.late is None else Died("hang", member.late)
            self._controller.finish(spec.number, spec.attempt, outcome)
