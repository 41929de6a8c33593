"""How a run ends: its winner, its exit code, and what the user is told of failures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sweeps.controller import Controller, cause_of
from sweeps.engines import Engine
from sweeps.engines.output import last_lines
from sweeps.engines.stacks import telling
from sweeps.errors import (
    CheckpointError,
    CorruptStudyError,
    DiskFullError,
    NoUsableTrialError,
    RefusedError,
    SweepError,
    SystemLimitError,
)
from sweeps.finals import finalise, is_final
from sweeps.paths import RunPaths, shown
from sweeps.results import Winner
from sweeps.results.bundle import require_checkpoint
from sweeps.results.choices import read_choice
from sweeps.runner.room import disk_trouble
from sweeps.runner.state import Run
from sweeps.spec import SweepSpec
from sweeps.study import TrialRecord, read_records

_WITH_LOG = ("error", "crash", "hang")  # failures whose cause is to be found in the log
_LOG_LINES = 20
_LOOKED_AT = 300  # lines: a stack of 100 frames, of every thread


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a run ended.

    ``reason``: budget.<the part of it that was spent> | space exhausted | interrupted | breaker | disk.
    ``states``: number of trials by state. ``notes``: what the user should read, one line or more each.
    """

    directory: Path
    spec: SweepSpec
    reason: str
    states: Mapping[str, int]
    exit_code: int
    winner: Winner | None = None
    notes: tuple[str, ...] = ()


def finish(run: Run, controller: Controller, engine: Engine) -> tuple[Winner | None, int]:
    """Choose and test the winner; what stands in its way becomes a note and an exit code."""
    resume = f"sweep resume {shown(run.paths.root)}"
    if controller.end_reason == "interrupted":
        run.notes.append(f"interrupted; to go on: {resume}")
        return None, 130
    if controller.end_reason == "disk":
        run.notes.append(f"{controller.halt_message}, and go on: {resume}")
        return None, DiskFullError.exit_code
    if controller.end_reason == controller.halt_reason:
        what = f"stopped by the {controller.halt_reason}: {controller.halt_message}"
        run.notes.append(f"{what}; to go on when that is mended: {resume}")
        return None, 6
    try:
        was_final = is_final(run.paths, run.spec, controller.records)
        winner = finalise(run.paths, run.spec, controller.records, engine, observers=run.observers)
    except (NoUsableTrialError, CorruptStudyError) as error:
        run.notes.append(str(error))
        return None, error.exit_code
    except RefusedError as error:
        # An extended sweep has a new winner: everything is done but a second test, which nobody asked for.
        run.notes.append(str(error))
        return None, 0
    except SystemLimitError:
        raise
    except SweepError as error:
        run.notes.append(f"{error}\nto repeat it when that is mended: {resume}")
        return None, error.exit_code
    if not is_final(run.paths, run.spec, controller.records):
        what = "export" if run.spec.final_test is None else "test"
        run.notes.append(f"the {what} of the winner was interrupted; to repeat it: {resume}")
        return winner, 0
    note = (read_choice(run.paths.best.metrics) or {}).get("note")
    if note:
        run.notes.append(f"no model was exported: {note}")
    if was_final:  # else the checkpoint has just been read
        run.notes += _damage(run.paths, winner)
    return winner, 0


def _damage(paths: RunPaths, winner: Winner) -> list[str]:
    """What to say of a winner that was exported and tested before its checkpoint was damaged."""
    try:
        require_checkpoint(winner)
    except CheckpointError as error:
        if not paths.best.model.exists():
            return [str(error)]
        left = f"{shown(paths.best.model)}, exported before, is all that is left of the winner's model"
        return [f"{error.__cause__}; {left}: keep it, and restore the checkpoint from a backup"]
    return []


def _trouble(run: Run, error: OSError | DiskFullError) -> str:
    message = disk_trouble(error, run.paths)
    if message is None:
        raise error
    return message


def stopped_by_disk(run: Run, controller: Controller, error: OSError | DiskFullError) -> RunResult:
    """Where the driver itself could not write: nothing more is written, and the study says what became of
    the trials. Those that ran are taken up as they are after a kill.
    """
    spec = run.spec
    records = read_records(run.paths, spec.name, spec.metric.goal, spec.storage)
    ended: Counter[str] = Counter(record.state if record.ended else "INTERRUPTED" for record in records)
    trouble = _trouble(run, error)
    if controller.halt_reason == "disk":  # a trial met it first
        trouble = controller.halt_message or trouble
    notes = (*run.notes, f"{trouble}, and go on: sweep resume {shown(run.paths.root)}")
    return RunResult(run.paths.root, spec, "disk", dict(ended), DiskFullError.exit_code, notes=notes)


def result_of(
    run: Run, controller: Controller, winner: Winner | None, code: int, signal: int | None
) -> RunResult:
    """The result of a run that came to its end; ``signal`` is the one that it was stopped by."""
    states: Counter[str] = Counter(record.state for record in controller.records)
    if signal is not None:
        code = 128 + signal
    elif code == 0 and any(_is_fault(record) for record in controller.records):
        code = 3
    return RunResult(
        directory=run.paths.root,
        spec=run.spec,
        reason=controller.end_reason or "interrupted",
        states=dict(states),
        exit_code=code,
        winner=winner,
        notes=(*run.notes, *_failures(run.paths, controller.records)),
    )


def _is_fault(record: TrialRecord) -> bool:
    """Whether a trial failed otherwise than by its function saying that it cannot be trained."""
    return record.state == "FAILED" and record.stop_reason != "infeasible"


def _failures(paths: RunPaths, records: Sequence[TrialRecord]) -> list[str]:
    """Failed trials grouped by what they died of: a count, an example, and the end of its log."""
    causes: dict[str, list[TrialRecord]] = {}
    for record in records:
        if record.state == "FAILED":
            causes.setdefault(cause_of(record.stop_reason, record.error), []).append(record)
    return [_failure(paths, failed) for failed in sorted(causes.values(), key=len, reverse=True)]


def _failure(paths: RunPaths, failed: Sequence[TrialRecord]) -> str:
    example = failed[0]
    where = f"sweep logs {shown(paths.root)} {example.number}"
    head = (
        f"{len(failed)} trial(s) failed with {example.stop_reason}: {example.error} (the log of one: {where})"
    )
    if example.stop_reason not in _WITH_LOG:
        return head
    lines = telling(last_lines(paths.trial(example.number).log, _LOOKED_AT), _LOG_LINES)
    return "\n".join([head, *(f"    {line}" for line in lines)])
