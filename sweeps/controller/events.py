"""What the controller tells its observers (display, event log, tables), in its own thread, as it happens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sweeps.controller.verdict import Verdict
from sweeps.messages import Decision
from sweeps.study.record import TrialRecord


@dataclass(frozen=True, slots=True)
class Noted:
    """What the user should know of the folder or the code before trials start."""

    time: float  # seconds since the epoch (UTC), as everywhere in events
    text: str


@dataclass(frozen=True, slots=True)
class Edited:
    """The sweep goes on under a changed YAML."""

    time: float
    differences: tuple[str, ...]  # "parameters.lr.max: 0.1 -> 1.0"
    inside: int  # trials that the new space contains
    outside: tuple[int, ...]  # the numbers of the others


@dataclass(frozen=True, slots=True)
class SweepStarted:
    time: float
    metric: str
    engine: str
    workers: int
    budget_trials: int | None
    budget: Mapping[str, float | None]  # all of it, as in the YAML; seconds
    trials_started: int  # in earlier runs
    states: Mapping[str, int]  # of those trials
    best: tuple[int, float] | None  # (trial, objective) of the best COMPLETE one


@dataclass(frozen=True, slots=True)
class TrialStarted:
    time: float
    number: int
    attempt: int
    params: Mapping[str, Any]
    worker: str


@dataclass(frozen=True, slots=True)
class EpochReported:
    time: float
    number: int
    attempt: int
    epoch: int
    metrics: Mapping[str, float]
    decision: Decision


@dataclass(frozen=True, slots=True)
class TrialEnded:
    time: float
    record: TrialRecord  # the controller's own: read it now, do not keep it
    retry: bool  # a further attempt follows in this run
    verdict: Verdict  # on this attempt; the record of a trial that goes on is INTERRUPTED
    best: tuple[int, float] | None  # (trial, objective) of the best COMPLETE trial so far


@dataclass(frozen=True, slots=True)
class Exploited:
    """A trial of a population goes on from what ``parent`` held after ``epoch``."""

    time: float
    number: int
    parent: int
    epoch: int
    changed: Mapping[str, tuple[Any, Any]]  # parameter -> (old, new)


@dataclass(frozen=True, slots=True)
class MessageIgnored:
    """A late word of a worker that was replaced, or of an attempt that has ended."""

    time: float
    number: int
    attempt: int
    message: str  # "report" or "finish"


@dataclass(frozen=True, slots=True)
class SlotClosed:
    """A slot gets no more trials: they failed there, and did well elsewhere. With Ray it is an actor."""

    time: float
    engine: str
    worker: str
    failures: int  # in a row
    error: str  # of the last one


@dataclass(frozen=True, slots=True)
class SweepHalted:
    """Nothing more starts, and what runs ends with its epoch."""

    time: float
    reason: str  # "breaker" or "disk"
    message: str  # the rule and what was found


@dataclass(frozen=True, slots=True)
class FinalsStarted:
    """The winner is exported, and evaluated by ``test``, the function's name; None if it is not to be."""

    time: float
    number: int
    test: str | None
    repeated: bool = False  # its test was begun before, and no result of it is on the disk


@dataclass(frozen=True, slots=True)
class FinalsEnded:
    time: float
    number: int
    tested: bool  # whether the result of its test is on the disk


@dataclass(frozen=True, slots=True)
class Ticked:
    time: float


@dataclass(frozen=True, slots=True)
class SweepEnded:
    time: float
    reason: str


Event = (
    Noted
    | Edited
    | SweepStarted
    | TrialStarted
    | EpochReported
    | TrialEnded
    | Exploited
    | MessageIgnored
    | SlotClosed
    | SweepHalted
    | FinalsStarted
    | FinalsEnded
    | Ticked
    | SweepEnded
)
Observer = Callable[[Event], None]
