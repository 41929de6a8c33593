"""One seat: a Tune trainable that hosts a local engine of one slot.

The local engine runs in a thread of the actor and calls a `Director`, as it does everywhere. Here that is a
`_Line`: each of its calls becomes the result of one Tune step, and waits for the next step with the answer.
So a trial has the same worker process, log, limits and clean-up as on one machine.
"""

from __future__ import annotations

import os
import queue
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ray
from ray.tune import Trainable

from sweeps.engines.base import EngineSettings, Job, JobResult
from sweeps.engines.local.engine import LocalEngine
from sweeps.engines.ray.shipping import shipped_folders
from sweeps.engines.ray.storage import Storage
from sweeps.engines.ray.workspace import OwnWorkspace, Piece, SharedWorkspace, Workspace
from sweeps.engines.slots import Slot
from sweeps.errors import SweepError, TargetError
from sweeps.messages import Continue, Decision, Exhausted, Outcome, Stop, TrialSpec, Wait
from sweeps.trial.target import source_hash

WORD = "word"  # the key of a step's result
PLAN = "plan"  # the key of a seat's configuration
_PATIENCE = 0.2  # seconds until a seat that got no answer asks again


@dataclass(frozen=True, slots=True)
class SeatPlan:
    """What every seat of a sweep is made from."""

    settings: EngineSettings
    preload: tuple[str, ...]  # what worker processes import first
    forkserver: Path | None  # the door of the driver's, where all is one machine
    directory: Path  # the driver's working directory
    sys_path: tuple[str, ...]  # the driver's; empty where the code has travelled
    storage: str | None  # where checkpoints go; None where nodes see the results folder
    source: str | None  # sha256 of the training function's source, where the code has travelled


# --- what a seat says -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asks:
    """It is free for a trial. ``worker`` names it, ``node`` is Ray's id of its node."""

    worker: str
    node: str


@dataclass(frozen=True, slots=True)
class Reports:
    trial: int
    attempt: int
    epoch: int
    metrics: Mapping[str, float]
    pieces: tuple[Piece, ...] = ()


@dataclass(frozen=True, slots=True)
class Finishes:
    """The attempt has ended, and the Tune trial with it; the seat is free for the next one."""

    trial: int
    attempt: int
    outcome: Outcome
    pieces: tuple[Piece, ...] = ()


@dataclass(frozen=True, slots=True)
class Ends:
    """Nothing will come any more: it was told so, or ``error`` says why it cannot run any trial."""

    error: SweepError | None = None


Word = Asks | Reports | Finishes | Ends
Answer = TrialSpec | Exhausted | Decision


class _HungUp:
    """What is answered once the driver has let go of the seat."""


class _Line:
    """The controller, as the hosted engine sees it: words out, answers in."""

    def __init__(self, asks: Asks, workspace: Workspace) -> None:
        self.interrupted = False
        self._asks = asks
        self._workspace = workspace
        self._words: queue.SimpleQueue[Word] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[Answer | _HungUp] = queue.SimpleQueue()

    # --- for the hosted engine

    def ask(
        self, n: int = 1, within: Mapping[str, Any] | None = None, worker: str = ""
    ) -> list[TrialSpec] | Wait | Exhausted:
        answer = self._exchange(self._asks)
        if isinstance(answer, TrialSpec):
            return [self._workspace.enter(answer)]
        return Exhausted("the seat is let go")

    def report(self, trial: int, attempt: int, epoch: int, metrics: Mapping[str, float]) -> Decision:
        answer = self._exchange(Reports(trial, attempt, epoch, metrics, self._workspace.sync()))
        assert not isinstance(answer, TrialSpec | Exhausted)  # these answer an ask
        return Stop("interrupted") if isinstance(answer, _HungUp) else answer

    def finish(self, trial: int, attempt: int, outcome: Outcome) -> None:
        self._words.put(Finishes(trial, attempt, outcome, self._workspace.leave()))

    def interrupt(self) -> None:
        self.interrupted = True

    def tick(self) -> None:
        """The controller's clock ticks at the driver."""

    def _exchange(self, word: Word) -> Answer | _HungUp:
        self._words.put(word)
        answer = self._answers.get()
        if isinstance(answer, _HungUp):
            self._answers.put(answer)  # every later call is answered so, too
        return answer

    # --- for the actor

    def next_word(self) -> Word:
        return self._words.get()

    def answer(self, answer: Answer) -> None:
        self._answers.put(answer)

    def end(self, error: SweepError | None) -> None:
        """The hosted engine's last word."""
        self._words.put(Ends(error))

    def hang_up(self) -> None:
        self._answers.put(_HungUp())


class Seat(Trainable):
    """The actor: each step is one word of the hosted engine, in order."""

    def setup(self, config: dict[str, Any]) -> None:
        node = ray.get_runtime_context().get_node_id()
        plan: SeatPlan = config[PLAN]
        self._workspace = _workspace(plan)
        self._line = _Line(Asks(f"{self._local_ip}/{node[:6]}/{os.getpid()}", node), self._workspace)
        self._engine = _engine_here(plan)
        self._pending: Word | None = None  # the word that the hosted engine waits with
        self._answer: Answer | None = None
        self._threads = ThreadPoolExecutor(1, "seat")
        self._hosting = self._threads.submit(self._host)
        self.config.clear()  # it would travel with every result

    def step(self) -> dict[str, Any]:
        """The next word; an ask that got no answer is repeated."""
        if isinstance(self._pending, Asks) and self._answer is None:
            time.sleep(_PATIENCE)
        elif not isinstance(self._pending, Ends):
            self._pass_on()
            self._pending = self._line.next_word()
        return {WORD: self._pending}

    def tell(self, answer: Answer) -> None:
        """The driver's answer to the last word. A report without one is answered by the next step itself."""
        self._answer = answer

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """The hosted engine keeps its worker process, and asks for its next trial by itself."""
        new_config.clear()
        if isinstance(self._pending, Ends):  # the seat had been given up, and is wanted again
            self._pending = None
            self._hosting = self._threads.submit(self._host)
        return True

    def cleanup(self) -> None:
        self._line.hang_up()
        if not isinstance(self._pending, Asks | Finishes):  # a trial runs, or its worker is still starting
            self._engine.kill()
        self._hosting.result()
        self._engine.close()
        self._workspace.close()

    def _host(self) -> None:
        try:
            self._engine.run(self._line)
        except SweepError as error:
            self._line.end(error)
        except Exception as error:  # noqa: BLE001  the driver waits for a last word, whatever happens here
            self._line.end(SweepError(f"a node cannot run trials: {type(error).__name__}: {error}"))
        else:
            self._line.end(None)

    def _pass_on(self) -> None:
        if isinstance(self._pending, Asks | Reports):
            self._line.answer(self._answer or Continue())
        self._answer = None


@dataclass(frozen=True, slots=True)
class Released:
    """A job's result, and the files that the driver has still to write."""

    result: JobResult
    log: tuple[Piece, ...] = ()
    bundle: tuple[Piece, ...] = ()


class Bench:
    """The actor that a winner is released in."""

    def call(self, plan: SeatPlan, job: Job) -> Released:
        """Run the job. Where nodes have folders of their own, what it wrote comes with the result."""
        if plan.storage is None:
            return Released(_call(plan, job))
        workspace = OwnWorkspace(Storage(plan.storage))
        try:
            seen = workspace.visit(job.spec)
            result = _call(plan, replace(job, spec=seen, bundle=workspace.bundle()))
            return Released(result, workspace.log(), workspace.bundled())
        finally:
            workspace.close()


def _workspace(plan: SeatPlan) -> Workspace:
    if plan.storage is None:
        return SharedWorkspace()
    return OwnWorkspace(Storage(plan.storage), plan.settings.ranks.size if plan.settings.ranks else 1)


def _call(plan: SeatPlan, job: Job) -> JobResult:
    engine = _engine_here(plan)
    try:
        return engine.call(job)
    finally:
        engine.close()


def _engine_here(plan: SeatPlan) -> LocalEngine:
    """A local engine with the one slot that Ray gave this actor."""
    settings = plan.settings
    if plan.source is None:
        sys.path[:] = plan.sys_path
    if plan.source is None or _is_here(plan):
        os.chdir(plan.directory)
    else:
        settings = replace(settings, search_path=shipped_folders())
    gpus = ray.get_gpu_ids()
    slot = Slot("ray", "cuda:0" if gpus else "cpu", settings.cpus, ",".join(map(str, gpus)))
    return LocalEngine(settings, plan.preload, (slot,), plan.forkserver)


def _is_here(plan: SeatPlan) -> bool:
    """Whether this node sees the driver's folders: the same training function lies in the same place."""
    if not plan.directory.is_dir():
        return False
    try:
        return source_hash(plan.settings.train, plan.settings.search_path) == plan.source
    except TargetError:
        return False
