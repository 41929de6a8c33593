"""What the study knows of one trial, in the words of the tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sweeps.messages import Goal, State

if TYPE_CHECKING:
    from sweeps.space import Space


@dataclass(frozen=True, slots=True)
class Inheritance:
    """After ``epoch`` a trial went on from what ``parent`` held then, with ``params``, not ``before``."""

    epoch: int
    parent: int
    before: Mapping[str, Any]  # flat, as in the record
    params: Mapping[str, Any]

    @property
    def changed(self) -> dict[str, tuple[Any, Any]]:
        """(old, new) of every parameter that is not what it was; None where it is inactive."""
        names = dict.fromkeys([*self.before, *self.params])
        values = {name: (self.before.get(name), self.params.get(name)) for name in names}
        return {name: (old, new) for name, (old, new) in values.items() if old != new}


@dataclass(frozen=True, slots=True)
class Further:
    """What the study keeps of an epoch besides the leading metric, where the sweep asks for more.

    ``metrics`` are the further objectives, and whatever constraints on metrics name. ``excess`` says of each
    of these constraints how far it is from holding: 0.0 where it holds.
    """

    metrics: Mapping[str, float]
    excess: tuple[float, ...] = ()


@dataclass(slots=True)
class TrialRecord:
    """One trial as the study holds it. The controller owns the live ones; readers get copies.

    ``values`` are raw objectives in the goal's direction, keyed by epoch (1, 2, ...); a re-run epoch
    overwrites its value. ``value`` and ``best_epoch`` are those of the best epoch so far. ``further`` has
    the same epochs where there are several metrics or constraints on them, else none.
    ``seconds`` adds up the attempts that have ended. ``params`` is the latest configuration, `params_at` that
    of an epoch. ``stop_reason`` is one of

        COMPLETE     finished | early_stopping | target
        PRUNED       the pruner's name | budget | edited
        FAILED       error | crash | hang | oom | nonfinite | infeasible
        INTERRUPTED  interrupted | paused
        RUNNING      None
    """

    number: int
    params: dict[str, Any]  # flat: dotted name -> value, active parameters only
    state: State = "RUNNING"
    stop_reason: str | None = None
    attempt: int = 1
    worker: str = ""
    started: float = 0.0  # seconds since the epoch (UTC), of the first attempt
    seconds: float = 0.0
    values: dict[int, float] = field(default_factory=dict)
    further: dict[int, Further] = field(default_factory=dict)
    value: float | None = None
    best_epoch: int | None = None
    error: str | None = None
    failures: dict[str, int] = field(default_factory=dict)  # kind -> attempts lost to it
    inherited: list[Inheritance] = field(default_factory=list)  # of a population, by epoch
    source: str = ""  # sha256 of the training function's source that it was started under; "" if unknown
    outside: bool = False  # the space was edited, and no longer holds it: neither compared nor learned from
    passed: int = 0  # the latest epoch at which the trial was compared with its population

    @property
    def epochs(self) -> int:
        """The highest epoch reported, 0 before the first."""
        return max(self.values, default=0)

    @property
    def ended(self) -> bool:
        return self.state in ("COMPLETE", "PRUNED", "FAILED")

    @property
    def feasible(self) -> bool:
        """Whether its best epoch holds every constraint on metrics."""
        return not any(self.excess)

    @property
    def excess(self) -> tuple[float, ...]:
        """How far the best epoch is from holding each constraint on metrics."""
        best = None if self.best_epoch is None else self.further.get(self.best_epoch)
        return best.excess if best else ()

    @property
    def may_win(self) -> bool:
        """Whether it has run to its end, inside the space, and is feasible."""
        return self.state == "COMPLETE" and self.value is not None and not self.outside and self.feasible

    def fits(self, space: Space) -> bool:
        """Whether ``space`` contains every configuration that the trial was given."""
        configurations = [self.params_at(1), *(inherited.params for inherited in self.inherited)]
        return all(space.contains(dict(params)) for params in configurations)

    def params_at(self, epoch: int) -> dict[str, Any]:
        """The configuration that epoch ``epoch`` (1, 2, ...) was, or will be, trained with."""
        later = (dict(inherited.before) for inherited in self.inherited if inherited.epoch >= epoch)
        return next(later, self.params)

    def inherit(self, epoch: int, parent: int, params: Mapping[str, Any]) -> None:
        """Go on from ``parent``'s state after ``epoch`` with ``params``."""
        self.inherited.append(Inheritance(epoch, parent, self.params, dict(params)))
        self.params = dict(params)

    def forget_after(self, epoch: int, goal: Goal) -> None:
        """Drop epochs that an earlier attempt had reached and the last one did not."""
        if self.epochs > epoch:
            self.values = {e: value for e, value in self.values.items() if e <= epoch}
            self.further = {e: further for e, further in self.further.items() if e <= epoch}
            self.value, self.best_epoch = best_of(self.values, goal) if self.values else (None, None)

    def observe(self, epoch: int, value: float, goal: Goal, further: Further | None = None) -> None:
        """Take in one epoch's objective, and what is kept besides; the earliest epoch wins a tie."""
        rerun = epoch in self.values
        self.values[epoch] = value
        if further is not None:
            self.further[epoch] = further
        if rerun:
            self.value, self.best_epoch = best_of(self.values, goal)
        elif self.value is None or is_better(value, self.value, goal):
            self.value, self.best_epoch = value, epoch


def is_better(value: float, than: float, goal: Goal) -> bool:
    """Strictly better in the goal's direction."""
    return value < than if goal == "minimize" else value > than


def best_of(values: dict[int, float], goal: Goal) -> tuple[float, int]:
    """(value, epoch) of the best epoch; the earliest wins a tie. ``values`` is not empty."""
    sign = 1.0 if goal == "minimize" else -1.0
    epoch = min(values, key=lambda e: (sign * values[e], e))
    return values[epoch], epoch
