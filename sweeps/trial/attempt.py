"""Run one attempt of a training function and say how it ended."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from sweeps.disk import disk_message, full_disk, full_results
from sweeps.errors import Infeasible
from sweeps.messages import Died, Interrupted, Outcome, Raised, Returned, TrialSpec
from sweeps.paths import make_folder
from sweeps.trial.rng import rank_seed, seed_everything
from sweeps.trial.trial import Channel, Trial
from sweeps.trial.world import ALONE, World

_MESSAGE_CHARACTERS = 500
_TRACEBACK_CHARACTERS = 20_000


class Overdue(BaseException):
    """Raised in a user's function by an engine that has no process to kill; its text says what was late."""


def run_attempt(
    function: Callable[[Trial], Any], spec: TrialSpec, channel: Channel, device: str, world: World = ALONE
) -> Outcome:
    """Seed, call ``function`` with a Trial, and classify the end; a traceback goes to stderr, the trial's
    log.

    Never raises for anything the function does, ``sys.exit`` and Ctrl-C included. A process that the function
    forked and that comes out of it ends here.
    """
    process = os.getpid()
    make_folder(spec.directory)
    seed_everything(rank_seed(spec.seed, world.rank), device)
    trial = Trial(spec, channel, device, world)
    outcome: Outcome
    try:
        function(trial)
        trial.check_paused()
        outcome = Returned()
    except Overdue as error:
        outcome = Died("hang", str(error))
    except KeyboardInterrupt:
        outcome = Interrupted()
    except BaseException as error:  # noqa: BLE001  the boundary round the user's code
        outcome = describe(error, spec.directory)
        print_traceback(outcome)
    end_if_forked(process, outcome)
    if trial.stop_reason == "interrupted":
        outcome = Interrupted()
    return _closed(trial, outcome)


def _closed(trial: Trial, outcome: Outcome) -> Outcome:
    try:
        trial.close(finished=isinstance(outcome, Returned))
    except OSError as error:
        return disk_outcome(error, trial.directory) or describe(error, trial.directory)
    return outcome


def end_if_forked(process: int, outcome: Outcome) -> None:
    """Exit unless this is ``process``: a copy of it made by ``os.fork`` must neither report nor tidy up."""
    if os.getpid() != process:
        sys.stdout.flush()
        os._exit(0 if isinstance(outcome, Returned) else 1)


def print_traceback(outcome: Raised) -> None:
    """Write it to the log, unless that is on a full disk."""
    try:
        print(outcome.traceback, end="", file=sys.stderr, flush=True)
    except OSError as error:
        if full_disk(error) is None:
            raise


def disk_outcome(error: BaseException | None, directory: Path) -> Raised | None:
    """The outcome where a file of ours in a trial's ``directory`` met a full disk; None for other errors."""
    full = full_disk(error)
    if full is None:
        return None
    return Raised("disk", _utf8(disk_message(full, directory))[:_MESSAGE_CHARACTERS])


def describe(error: BaseException, directory: Path, *others: Path) -> Raised:
    """One line and the user's frames of an exception, however odd it is.

    ``directory``, the trial's, and ``others`` are where we write: where these have no room, the code is not
    to blame. For what it fills up elsewhere it is.
    """
    full = disk_outcome(full_results(error, (directory, *others)), directory)
    if full is not None:
        return full
    frames = error.__traceback__.tb_next if error.__traceback__ else None
    report = traceback.TracebackException(type(error), error, frames)
    text = f"called sys.exit({report})" if isinstance(error, SystemExit) else _one_line(report, error)
    if _is_debugger_exit(error):
        text = f"{text}: a debugger needs the terminal, which a worker has not; use --set engine=inline"
    whole = "".join(report.format())
    # The end of a long traceback holds the error and the innermost frames.
    kept = whole if len(whole) <= _TRACEBACK_CHARACTERS else "[...]\n" + whole[-_TRACEBACK_CHARACTERS + 6 :]
    return Raised(_kind(error), _utf8(text)[:_MESSAGE_CHARACTERS], _utf8(kept))


def _kind(error: BaseException) -> Literal["error", "oom", "infeasible"]:
    if isinstance(error, Infeasible):
        return "infeasible"
    return "oom" if _is_out_of_memory(error) else "error"


def _one_line(report: traceback.TracebackException, error: BaseException) -> str:
    text = " ".join(str(report).split())
    return f"{type(error).__qualname__}: {text}" if text else type(error).__qualname__


def _utf8(text: str) -> str:
    return text.encode("utf-8", errors="backslashreplace").decode("utf-8")


def _is_debugger_exit(error: BaseException) -> bool:
    bdb = sys.modules.get("bdb")
    return bdb is not None and isinstance(error, bdb.BdbQuit)


def _is_out_of_memory(error: BaseException) -> bool:
    torch = sys.modules.get("torch")
    if isinstance(error, MemoryError) or (torch and isinstance(error, torch.OutOfMemoryError)):
        return True
    # torch has no type of its own for the host's memory.
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
