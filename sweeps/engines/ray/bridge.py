"""Between Ray Tune and the controller: what Tune asks its searcher and scheduler, the controller answers.

A Tune trial is a seat for one attempt. Which one, is asked only when the seat's worker is ready: while a seat
waits for a machine, nothing counts as running, and nothing is proposed that later results could improve.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import ray
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.schedulers import TrialScheduler
from ray.tune.search import Searcher

from sweeps.engines.base import Director
from sweeps.engines.ray.loss import Loss
from sweeps.engines.ray.seat import PLAN, Answer, Asks, Ends, Finishes, Reports, SeatPlan, Word
from sweeps.engines.ray.workspace import Piece, receive
from sweeps.errors import SystemLimitError
from sweeps.messages import Continue, Exhausted, Interrupted, TrialSpec, Wait

TICK = 0.25  # seconds between two ticks of the controller
_IDLE = 30.0  # seconds a seat waits for a trial before its resources are given back
_FAILED_SEATS = 3  # in a row, until Ray counts as unable to give any
_FAILED_LATER = 20  # the same, once there was one: machines that go take starting actors with them


class Killed(Exception):
    """Leaves Tune's loop at once."""


class Bridge:
    """One run: who sits where, and whether there is more to do."""

    def __init__(self, controller: Director, plan: SeatPlan, seats: Callable[[], int]) -> None:
        """``seats`` says how many Tune trials there may be now."""
        self._controller = controller
        self._plan = plan
        self._seats = seats
        self._open: dict[str, _Seated] = {}  # by Tune's id of the trial
        self._lost: list[Loss] = []  # trials whose actor is gone
        self._exhausted = False
        self._idle = False  # whether the last seat that asked was told to wait
        self._failed_seats = 0  # since the last word of any
        self._was_ready = False  # whether one ever was
        self._ticked = time.monotonic()
        self.killed = False
        self.unusable = False  # whether a seat said that it cannot run trials

    def __getstate__(self) -> dict[str, Any]:
        """Nothing: Tune writes down what it was started with, to be restored from, which we never do."""
        return {}

    @property
    def over(self) -> bool:
        """Whether nothing runs and nothing will."""
        done = self._exhausted or self._controller.interrupted
        return done and not self._lost and not any(seated.spec for seated in self._open.values())

    def suggest(self, seat: str) -> dict[str, Any] | str | None:
        """What Tune starts its next trial with."""
        if self._exhausted or self._controller.interrupted:
            return str(Searcher.FINISHED)
        if self._idle or len(self._open) >= self._seats():
            return None
        self._open[seat] = _Seated()
        return {PLAN: self._plan}

    def hear(self, trial: TuneTrial, word: Word) -> str:
        """What the scheduler decides on a word."""
        with ExitStack() as on_error:
            on_error.callback(self._end_actors, [trial])
            goes_on = self._hear(trial, word)
            on_error.pop_all()
        return str(TrialScheduler.CONTINUE if goes_on else TrialScheduler.STOP)

    def left(self, seat: str) -> None:
        """A Tune trial ended."""
        self._open.pop(seat, None)

    def lost(self, seat: str, error: str) -> None:
        """The actor of a seat is gone, or never came; ``error`` is what Ray says of it."""
        seated = self._open.pop(seat, _Seated())
        self._idle = False
        if seated.spec is not None and seated.asks is not None:
            self._lost.append(Loss(seated.spec, seated.asks))
        elif seated.asks is None:
            self._count_failed_seat(error)

    def tick(self, trials: Iterable[TuneTrial]) -> None:
        """Called at each of Tune's rounds."""
        if self.killed:
            self._end_actors(trials)
            raise Killed
        if time.monotonic() - self._ticked >= TICK:
            self._ticked = time.monotonic()
            self._settle_losses()
            self._controller.tick()

    def abandon(self) -> None:
        """Every trial still running was cut short by us."""
        specs = [seated.spec for seated in self._open.values()] + [loss.spec for loss in self._lost]
        for spec in specs:
            if spec is not None:
                self._controller.finish(spec.number, spec.attempt, Interrupted())
        self._open.clear()
        self._lost.clear()

    def _hear(self, trial: TuneTrial, word: Word) -> bool:
        """Whether the seat goes on."""
        seated = self._open[trial.trial_id]
        self._failed_seats, self._was_ready = 0, True
        match word:
            case Asks():
                self._give(trial, seated, word)
            case Reports(number, attempt, epoch, metrics, pieces):
                seated.receive(pieces)
                decision = self._controller.report(number, attempt, epoch, metrics)
                if not isinstance(decision, Continue):
                    _tell(trial, decision)
            case Finishes(number, attempt, outcome, pieces):
                seated.receive(pieces)
                seated.spec = None
                self._idle = False
                self._controller.finish(number, attempt, outcome)
                return False
            case Ends(error):
                self.unusable = error is not None
                if error is not None:
                    raise error
                return False
        return True

    def _give(self, trial: TuneTrial, seated: _Seated, asks: Asks) -> None:
        if seated.asks is None:
            seated.asks, seated.since = asks, time.monotonic()
        answer = self._controller.ask(worker=asks.worker)
        self._idle = isinstance(answer, Wait)
        if isinstance(answer, Exhausted):
            self._exhausted = True
            _tell(trial, answer)
        elif isinstance(answer, Wait):  # without an answer it asks again
            if time.monotonic() - seated.since > _IDLE and self._others_wait(seated):
                seated.leaves = True
                _tell(trial, Exhausted("nothing to do for now"))
        else:
            seated.spec = answer[0]
            _tell(trial, answer[0])

    def _others_wait(self, seated: _Seated) -> bool:
        """Whether another seat asks for work too. One has to go on: a trial may be due that is to be started
        again later, and then there is work for all.
        """
        others = [other for other in self._open.values() if other is not seated and not other.leaves]
        return any(other.asks and other.spec is None for other in others)

    def _settle_losses(self) -> None:
        """Tell the controller of trials whose actor is gone, once it is known why."""
        for loss in list(self._lost):
            if (death := loss.cause()) is not None:
                self._lost.remove(loss)
                self._idle = False
                self._controller.finish(loss.spec.number, loss.spec.attempt, death)

    def _count_failed_seat(self, error: str) -> None:
        self._failed_seats += 1
        if self._failed_seats >= (_FAILED_LATER if self._was_ready else _FAILED_SEATS):
            raise SystemLimitError(
                f"Ray must be able to start the actors of trials, and {self._failed_seats} in a row failed, "
                f"the last one with: {error}; more is in the logs of its nodes (/tmp/ray/session_latest/logs)"
            )

    def _end_actors(self, trials: Iterable[TuneTrial]) -> None:
        """Kill what still runs: Tune would wait for it."""
        for trial in trials:
            actor = trial.temporary_state.ray_actor
            if actor is not None:
                ray.kill(actor)


@dataclass(slots=True)
class _Seated:
    """A Tune trial that has not ended."""

    asks: Asks | None = None  # its first word
    since: float = 0.0  # when that came
    spec: TrialSpec | None = None  # what runs in it
    leaves: bool = False  # whether it was told to

    def receive(self, pieces: Sequence[Piece]) -> None:
        """Keep what the trial's node has sent."""
        if self.spec is not None:
            receive(self.spec.directory, pieces)


def _tell(trial: TuneTrial, answer: Answer) -> None:
    actor: Any = trial.temporary_state.ray_actor  # the one that has just said a word
    # Tune calls step() on it afterwards, and the calls of one caller arrive in order.
    actor.tell.remote(answer)
