"""A worker process: it becomes what its plan says, then runs trials one after the other."""

from __future__ import annotations

import atexit
import contextlib
import faulthandler
import gc
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

from sweeps.engines.base import Job, JobResult
from sweeps.engines.jobs import run_job
from sweeps.engines.local.channel import LinkChannel
from sweeps.engines.local.leader import lead
from sweeps.engines.local.link import Link, Plan
from sweeps.engines.local.rank import Rank, rank_environment
from sweeps.engines.local.starter import LocalStarter
from sweeps.engines.output import cap_log, flush_all, line_buffered, redirect_to
from sweeps.engines.process import ProcessState
from sweeps.errors import TargetError
from sweeps.messages import IMPORTING, Outcome, Raised, TrialSpec
from sweeps.paths import TrialPaths, make_folder
from sweeps.trial import Trial, load_function, run_attempt
from sweeps.trial.attempt import disk_outcome

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def work(connection: socket.socket) -> None:
    """Serve the driver at the other end of ``connection`` until it says so or is gone."""
    link = Link(connection)
    plan: Plan = link.receive()
    if plan.ranks is not None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the driver is gone
            lead(link, LocalStarter(plan, plan.ranks, connection, work))
        _exit()
    prepare_process(plan)
    line_buffered()
    try:
        os.environ[IMPORTING] = "1"
        train = load_function(plan.target, plan.search_path) if plan.target else None
        del os.environ[IMPORTING]
    except TargetError as error:
        link.send(("unusable", _explain(error)))
        return
    # What is imported stays: collecting it again after every trial would only cost time.
    gc.freeze()
    link.send(("ready",))
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):  # the driver is gone
        _Worker(link, plan, train).serve()
    _exit()


def _exit() -> NoReturn:
    """End with all exit handlers, but without taking the interpreter apart: with torch that takes 0.1 s."""
    atexit._run_exitfuncs()
    with contextlib.suppress(OSError):  # the log's disk is full, which was told
        flush_all()
    os._exit(0)


def prepare_process(plan: Plan) -> None:
    """Environment, paths, threads and signals, before anything of the user's is imported."""
    os.environ["CUDA_VISIBLE_DEVICES"] = plan.visible
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, str(plan.cpus)))
    if plan.place is not None:
        os.environ.update(rank_environment(plan.place))
    sys.path[:] = plan.sys_path
    os.chdir(plan.directory)
    _limit_threads(plan.cpus)
    # SIGTERM, the first step against a hanging trial, writes every thread's stack to the trial's log.
    faulthandler.enable(file=2)
    faulthandler.register(signal.SIGTERM, file=2, all_threads=True, chain=False)
    os.register_at_fork(after_in_child=_end_on_sigterm)
    # If memory runs out, the kernel should take a worker rather than the driver.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")


def _end_on_sigterm() -> None:
    """The function's own child processes end by ``terminate()``, as they do anywhere else."""
    faulthandler.unregister(signal.SIGTERM)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _limit_threads(cpus: int) -> None:
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(cpus)
    if cpus > 1 and "numpy" in sys.modules:
        # NumPy's BLAS was loaded with one thread, so that the forkserver could fork.
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # it ships no types

        threadpool_limits(limits=cpus, user_api="blas")


class _Worker:
    """Runs what the driver sends; its report channel to the controller is the same link."""

    def __init__(self, link: Link, plan: Plan, train: Callable[[Trial], Any] | None) -> None:
        self._link = link
        self._plan = plan
        self._train = train
        self._rank = Rank(link, plan.place, plan.device) if plan.place else None
        self._process = ProcessState(plan.cpus)

    def serve(self) -> None:
        while True:
            match self._link.receive():
                case ("run", TrialSpec() as spec):
                    outcome = self._run(spec)
                    fit = not self._process.has_new_threads()
                    self._link.send(("finish", spec.number, spec.attempt, outcome, fit))
                case ("call", Job() as job):
                    self._link.send(("result", self._call(job)))
                case _:
                    return

    def _run(self, spec: TrialSpec) -> Outcome:
        try:
            self._begin(spec)
            outcome = self._attempt(spec)
            self._end(spec)
        except OSError as error:  # of the log: the function's own are outcomes already
            outcome = _of_the_disk(error, spec)
            if self._rank is not None:  # the others wait for it
                self._link.send(("ended", outcome))
        return outcome

    def _attempt(self, spec: TrialSpec) -> Outcome:
        assert self._train is not None  # the plan had a target
        if self._rank is not None:
            return self._rank.run(self._train, spec)
        channel = LinkChannel(self._link, spec)
        return channel.settled(run_attempt(self._train, spec, channel, self._plan.device))

    def _call(self, job: Job) -> JobResult:
        try:
            self._begin(job.spec)
            result = run_job(job, self._plan.search_path, self._plan.device)
            self._end(job.spec)
        except OSError as error:
            return JobResult(None, _of_the_disk(error, job.spec))
        return result

    def _begin(self, spec: TrialSpec) -> None:
        make_folder(spec.directory)
        redirect_to(self._log(spec))
        os.chdir(self._plan.directory)
        self._process.restore()

    def _end(self, spec: TrialSpec) -> None:
        flush_all()
        cap_log(self._log(spec))
        # Models that hang in reference cycles must not share the memory with the next trial's.
        gc.collect()
        if self._plan.device != "cpu" and (torch := sys.modules.get("torch")):
            torch.cuda.empty_cache()

    def _log(self, spec: TrialSpec) -> Path:
        return TrialPaths(spec.directory).rank_log(self._plan.place.rank if self._plan.place else 0)


def _of_the_disk(error: OSError, spec: TrialSpec) -> Raised:
    """The outcome where a log could not be written; raises ``error`` if it is another one."""
    outcome = disk_outcome(error, spec.directory)
    if outcome is None:
        raise error
    return outcome


def _explain(error: TargetError) -> str:
    cause = error.__cause__
    return f"{error}\n\n{''.join(traceback.format_exception(cause))}" if cause else str(error)
