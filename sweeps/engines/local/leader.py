"""The worker of a trial of several ranks: it runs nothing itself, but starts them, connects them, ends them.

worker: the leader
  ├─ supervisor ── rank 0     alone speaks to the driver, through the leader
  └─ supervisor ── rank 1 ...

To the driver it is a worker like any other. When one rank fails the trial has failed: the others, which may
wait for it in a collective, are killed, and the driver replaces the whole worker.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NoReturn

from sweeps.engines.local.link import Link
from sweeps.engines.local.oom import OomCounter, death_of
from sweeps.engines.local.starter import Started, Starter
from sweeps.engines.local.supervisor import KILL, TERMINATE, receive_status
from sweeps.engines.output import cap_log
from sweeps.lines import open_to_append
from sweeps.messages import Died, Outcome, Raised, TrialSpec
from sweeps.paths import TrialPaths

_DOUBT = 0.25  # seconds in which a rank's death may explain another's error: its sockets close first
_TICK = 1.0  # seconds between two looks at the logs


def lead(link: Link, starter: Starter) -> None:
    """Run trials for the driver at the other end of ``link`` until it says so or is gone."""
    ranks = [_Rank(rank, starter.start(rank)) for rank in range(starter.size)]
    leader = _Leader(link, ranks)
    signal.signal(signal.SIGTERM, lambda number, frame: leader.order(TERMINATE))
    leader.serve()


class _Rank:
    """One rank, seen from the leader."""

    def __init__(self, number: int, started: Started) -> None:
        self.number = number
        self.link = Link(started.link)
        self.control = started.control
        self.alive = True
        self.ready = False
        self.forget()
        self.send(started.plan)

    def forget(self) -> None:
        """Nothing is known of the trial that begins."""
        self.point: str | None = None  # where it waits for the others
        self.data = b""  # what it has brought there
        self.outcome: Outcome | None = None
        self.fit: bool | None = None  # once it could take the next trial, or could not

    def send(self, message: object) -> None:
        """One that is gone is no error here: its supervisor tells its end."""
        with contextlib.suppress(OSError):
            self.link.send(message)


class _Leader:
    """The state of one worker."""

    def __init__(self, driver: Link, ranks: list[_Rank]) -> None:
        self._driver = driver
        self._ranks = ranks
        self._spec: TrialSpec | None = None  # the trial that runs
        self._failed: dict[int, Raised | Died] = {}  # by rank
        self._verdict_at = 0.0
        self._kills = OomCounter()
        self._leaving = False  # whether the end of a rank is no news
        self._selector = selectors.DefaultSelector()
        self._watch(driver.connection, self._hear_driver)
        for rank in ranks:
            self._watch(rank.link.connection, partial(self._hear, rank))
            self._watch(rank.control, partial(self._see_end, rank))

    def serve(self) -> None:
        while not self._driver.ended and not (self._leaving and not any(rank.alive for rank in self._ranks)):
            for key, _ in self._selector.select(self._patience()):
                key.data()
            if self._failed and time.monotonic() >= self._verdict_at:
                self._give_up()
            self._cap_logs()

    def order(self, order: bytes) -> None:
        """Tell the supervisors of all ranks TERMINATE or KILL."""
        for rank in self._ranks:
            with contextlib.suppress(OSError):
                rank.control.sendall(order)

    def _cap_logs(self) -> None:
        if self._spec is not None:  # rank 0's is the driver's to look after
            for rank in self._ranks[1:]:
                cap_log(TrialPaths(self._spec.directory).rank_log(rank.number))

    def _watch(self, connection: socket.socket, act: Callable[[], None]) -> None:
        self._selector.register(connection, selectors.EVENT_READ, act)

    def _patience(self) -> float | None:
        if self._failed:
            return max(0.0, self._verdict_at - time.monotonic())
        return _TICK if self._spec else None

    def _tell_all(self, message: object) -> None:
        for rank in self._ranks:
            rank.send(message)

    def _hear_driver(self) -> None:
        for message in self._driver.arrived():
            match message:
                case ("run", TrialSpec() as spec):
                    self._spec = spec
                    for rank in self._ranks:
                        rank.forget()
                    self._tell_all(message)
                case ("exit",):
                    self._leaving = True
                    self._tell_all(message)
                case decision:
                    self._ranks[0].send(decision)

    def _hear(self, rank: _Rank) -> None:
        if rank.link.ended:
            return
        for message in rank.link.arrived():
            self._act_on(rank, message)
        if rank.link.ended:  # a readable end of stream would wake the loop for ever
            self._selector.unregister(rank.link.connection)

    def _act_on(self, rank: _Rank, message: Any) -> None:
        match message:
            case ("ready",):
                rank.ready = True
                if all(rank.ready for rank in self._ranks):
                    self._driver.send(message)
            case ("unusable", _):
                if not self._leaving:
                    self._leaving = True
                    self._driver.send(message)
            case ("report", *_):
                self._driver.send(message)
            case ("share", point, data):
                rank.point, rank.data = point, data
                self._bring_together()
            case ("ended", outcome):
                rank.outcome = outcome
                if isinstance(outcome, Raised | Died):
                    self._note_failure(rank, outcome)
                else:
                    self._bring_together()
            case ("finish", _, _, _, fit):
                rank.fit = fit
                self._finish_if_all()

    def _bring_together(self) -> None:
        """Let go of the ranks that wait, once all wait that have not ended; end the trial once all have."""
        waiting = [rank for rank in self._ranks if rank.outcome is None]
        points = {rank.point: rank.number for rank in waiting}
        if None in points:
            return
        given = [rank.data if rank.outcome is None else None for rank in self._ranks]
        for rank in waiting:
            others = [None if rank.number == number else data for number, data in enumerate(given)]
            rank.send(("shared", others) if len(points) == 1 else ("apart", _apart(points)))
        for rank in waiting:
            rank.point, rank.data = None, b""
        if not waiting:
            self._tell_all(("over",))

    def _finish_if_all(self) -> None:
        if self._spec is None or any(rank.fit is None for rank in self._ranks):
            return
        fit = all(rank.fit for rank in self._ranks)
        self._driver.send(("finish", self._spec.number, self._spec.attempt, self._ranks[0].outcome, fit))
        self._spec = None
        self._failed.clear()

    def _see_end(self, rank: _Rank) -> None:
        self._hear(rank)  # what it said before its end counts
        death = death_of(receive_status(rank.control), self._kills)
        rank.alive = False
        self._selector.unregister(rank.control)
        if self._leaving:
            return
        if self._spec is None:
            _die(f"{death.message} (rank {rank.number})")
        self._note_failure(rank, death)

    def _note_failure(self, rank: _Rank, outcome: Raised | Died) -> None:
        if not self._failed:
            self._verdict_at = time.monotonic() + _DOUBT
        if isinstance(outcome, Died):
            self._verdict_at = time.monotonic()
        self._failed.setdefault(rank.number, outcome)

    def _give_up(self) -> None:
        """End all ranks and tell the driver why; it will end this process."""
        assert self._spec is not None  # only a trial can fail
        self._leaving = True
        self.order(KILL)
        # A rank that died may be the reason for the others' errors, never the other way round.
        number = min(self._failed, key=lambda rank: (isinstance(self._failed[rank], Raised), rank))
        outcome = self._failed[number]
        if number > 0:
            outcome = replace(outcome, message=f"{outcome.message} (rank {number})")
            _log_failure(self._spec, number, outcome)
        self._driver.send(("finish", self._spec.number, self._spec.attempt, outcome, False))
        self._spec = None
        self._failed.clear()


def _apart(points: dict[str | None, int]) -> str:
    places = ", ".join(f"rank {number} waits in {point}" for point, number in points.items())
    return f"all ranks must come to the same points of a trial in the same order: {places}"


def _log_failure(spec: TrialSpec, number: int, outcome: Raised | Died) -> None:
    """The trial's log has rank 0's output only."""
    paths = TrialPaths(spec.directory)
    trace = outcome.traceback if isinstance(outcome, Raised) else ""
    # An OSError: the log's disk is full.
    with contextlib.suppress(OSError), open(open_to_append(paths.log), "a", encoding="utf-8") as log:
        log.write(f"{trace}the trial failed with {outcome.message}: see {paths.rank_log(number).name}\n")


def _die(last_words: str) -> NoReturn:
    """End as a worker does whose function cannot be imported; the driver reads what it printed."""
    os.write(1, f"{last_words}\n".encode())
    os._exit(1)
