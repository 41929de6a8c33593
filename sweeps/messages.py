"""The words engines and the controller exchange: plain frozen data, picklable and torch-free.

ask(n, within)                            -> list[TrialSpec] | Wait | Exhausted
report(trial, attempt, epoch, metrics)    -> Continue | Stop
finish(trial, attempt, Returned | Raised | Died | Interrupted)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

# In the environment of a process while it imports the user's training function.
IMPORTING = "SWEEPS_IMPORTING"
# In the environment of every process that workers are forked from: the results folder of their sweep.
FOLDER = "SWEEPS_FOLDER"

Goal = Literal["minimize", "maximize"]
State = Literal["COMPLETE", "PRUNED", "FAILED", "INTERRUPTED", "RUNNING"]


@dataclass(frozen=True, slots=True)
class Exploit:
    """A trial goes on from what another one held after ``epoch``, with a configuration of its own."""

    parent: int
    epoch: int


@dataclass(frozen=True, slots=True)
class TrialSpec:
    """One attempt of one trial, complete enough for a worker to run it alone."""

    number: int
    attempt: int  # 1, 2, ...: every (re)start is a new attempt of the same number
    config: Mapping[str, Any]  # nested as in the YAML; fixed and searched values together
    seed: int  # 0 <= seed < 2**63, derived from (sweep seed, number)
    epochs: int  # the most epochs this trial may train
    metric: str  # the objective's name, e.g. "val_loss"
    goal: Goal
    directory: Path  # absolute; exists when the attempt starts
    pause_at: int | None = None  # the attempt ends when this epoch is saved; the trial goes on later
    besides: tuple[str, ...] = ()  # metrics that every report must hold besides the objective
    exploit: Exploit | None = None  # the latest one: where the trial goes on until it has a later epoch


# --- answers to ask -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to run now: ask again later.

    What runs may have to be retried or leave epochs of the budget, a retry may be backing off, the canary may
    be alone, a slot in quarantine, a population waiting for its slowest. ``until``, in the controller's
    monotonic time, is when the first trial that waits for its retry is due; None where only a report or the
    end of a trial can change anything. ``closed``: this worker gets no more, others may.
    """

    until: float | None = None
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Exhausted:
    """No trial will ever be handed out again in this run."""

    reason: str  # "budget.trials", "budget.wall", ..., "space exhausted", "interrupted", "breaker", "disk"


# --- answers to report ----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Continue:
    """Train the next epoch."""


@dataclass(frozen=True, slots=True)
class Stop:
    """End the trial now."""

    # A pruner's name, or one of early_stopping, target, budget, interrupted, paused, nonfinite, stale.
    reason: str

    @property
    def keeps_best(self) -> bool:
        """Whether the trial stands as COMPLETE, so that its best state is to be restored."""
        return self.reason in ("early_stopping", "target")

    @property
    def goes_on_later(self) -> bool:
        """Whether the trial is only cut short, so that its latest state is to be saved."""
        return self.reason in ("interrupted", "paused")


Decision = Continue | Stop

# --- how an attempt ended -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Returned:
    """The training function returned."""


@dataclass(frozen=True, slots=True)
class Raised:
    """The training function raised."""

    kind: Literal["error", "oom", "infeasible", "disk"]  # of a full disk the trial is not guilty
    message: str  # one line: "ValueError: hidden size must be positive"
    traceback: str = ""


@dataclass(frozen=True, slots=True)
class Died:
    """The worker process ended without a word, or was killed because it gave none.

    "lost" means with its whole machine: that says nothing about the trial, which goes on elsewhere.
    """

    kind: Literal["crash", "hang", "lost", "oom"]
    message: str  # "killed by SIGKILL", "exited with code 3", "no report for 30 s", "node 10.0.0.7 is gone"


@dataclass(frozen=True, slots=True)
class Interrupted:
    """The attempt was cut short by us (Ctrl-C, shutdown); the trial can go on later."""


Outcome = Returned | Raised | Died | Interrupted
