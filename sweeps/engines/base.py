"""What an engine is: it runs trials for a controller, and one-off jobs for the finals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from sweeps.clock import Clock
from sweeps.messages import Decision, Exhausted, Outcome, TrialSpec, Wait


@dataclass(frozen=True, slots=True)
class Ranks:
    """The processes that run one trial together, joined by torch.distributed.

    Attributes:
        size: >= 1, how many.
        backend: "nccl" or "gloo"; None for nccl where the trial has GPUs, else gloo.
    """

    size: int
    backend: str | None = None


@dataclass(frozen=True, slots=True)
class Simulation:
    """The machines of a simulated sweep, and what goes wrong on them.

    Attributes:
        seed: from which every fault is drawn.
        startup: seconds from an attempt's start to the begin of its first epoch.
        crash: probability that an attempt's process dies in an epoch, 0 <= crash < 1.
        stragglers: share of the workers that are slow, 0 <= stragglers <= 1.
        slowdown: >= 1, how much longer everything takes on those.
        node_size: >= 1, workers of one machine.
        node_life: mean seconds until a machine is lost, exponentially distributed; None for never.
    """

    seed: int = 0
    startup: float = 0.0
    crash: float = 0.0
    stragglers: float = 0.0
    slowdown: float = 4.0
    node_size: int = 8
    node_life: float | None = None


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """All an engine needs to know of a sweep.

    Attributes:
        train: the training function, "module:function" or "path/to/file.py:function".
        test: the test function, or None.
        search_path: folders in which these are looked up first.
        cpus: >= 1, CPU cores, hence threads, of one trial.
        gpus: GPUs of one trial; below 1 a share of one; None means 1, or one a rank, where there are GPUs,
            else 0.
        workers: >= 1, the most trials at once; None for as many as fit.
        isolation: "warm" keeps a worker process over trials, "trial" starts a fresh one for each.
        max_trials_per_worker: >= 1, a warm worker is replaced after so many trials; None for never.
        report_timeout: seconds a trial may take from its start, or its last report, to the next, and a
            process to import the function; None for ever.
        trial_timeout: seconds an attempt, or a job, may take as a whole; None for ever.
        memory: bytes that Ray reserves for one trial; None for no such limit.
        custom: further resources of a Ray cluster that one trial needs, by name.
        storage: where the nodes of a Ray cluster keep checkpoints, a path or URI; None where they see the
            results folder.
        ranks: the processes of one trial, which share its cores and GPUs; None for a single one that knows
            nothing of torch.distributed.
        folder: the results folder, by which the sweep's processes can be told from others.
        address: the Ray cluster to connect to; None for RAY_ADDRESS, or else a private Ray.
        curves: what gives a simulated trial its learning curve, "module:factory".
        simulation: the machines of a simulated sweep.
    """

    train: str
    test: str | None = None
    search_path: tuple[Path, ...] = ()
    cpus: int = 1
    gpus: float | None = None
    workers: int | None = None
    isolation: Literal["warm", "trial"] = "warm"
    max_trials_per_worker: int | None = None
    report_timeout: float | None = None
    trial_timeout: float | None = None
    memory: int | None = None
    custom: Mapping[str, float] = field(default_factory=dict)
    storage: str | None = None
    address: str | None = None
    ranks: Ranks | None = None
    folder: Path | None = None
    curves: str | None = None
    simulation: Simulation = Simulation()


@dataclass(frozen=True, slots=True)
class Job:
    """The release of a winner: export its model into ``bundle``, then call the ``test`` function once, if
    any.
    """

    spec: TrialSpec
    test: str | None
    bundle: Path
    export: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class JobResult:
    """``value`` is the job's JSON-able result, None unless ``outcome`` is Returned."""

    value: Mapping[str, Any] | None
    outcome: Outcome


class Director(Protocol):
    """The part of the controller that engines call."""

    interrupted: bool

    def ask(
        self, n: int = 1, within: Mapping[str, Any] | None = None, worker: str = ""
    ) -> list[TrialSpec] | Wait | Exhausted: ...

    def report(self, trial: int, attempt: int, epoch: int, metrics: Mapping[str, float]) -> Decision: ...

    def finish(self, trial: int, attempt: int, outcome: Outcome) -> None: ...

    def interrupt(self) -> None: ...

    def tick(self) -> None: ...


class Engine(Protocol):
    """Runs trials. ``run`` and ``call`` belong to one thread; ``kill`` may come from a signal handler."""

    @property
    def workers(self) -> int:
        """How many trials run at once."""

    def clock(self, elapsed: float) -> Clock:
        """What its trials' time is told by, ``elapsed`` seconds into the sweep."""

    @property
    def gpus(self) -> float:
        """GPUs of one trial, a share of one where below 1."""

    def run(self, controller: Director) -> None:
        """Run trials until the controller is exhausted; raises TargetError if the function cannot be
        imported.
        """

    def call(self, job: Job) -> JobResult:
        """Run one job in a fresh worker and wait for it, at most the trial timeout."""

    def kill(self) -> None:
        """End all trials within 2 s; ``run`` finishes them as Interrupted and returns."""

    def close(self) -> None:
        """End every process this engine started."""
