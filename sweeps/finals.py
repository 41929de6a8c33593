"""The end of a sweep: its winner is chosen, recorded, and only then tested, once.

    best/selection.json   the frozen choice, written before the test split is touched
    best/test.json        the choice and what its test gave
                          (in both, ``history`` holds the other choices whose test was begun)

A choice whose test was begun counts as tested: nobody can tell whether a killed run had seen the test split.
The same choice may be tested again until there is a result, and where test.json was lost; the event of that
test says that it is a repeat.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from sweeps.controller import Event, FinalsEnded, FinalsStarted, Observer
from sweeps.engines.base import Job, JobResult
from sweeps.errors import DiskFullError, FinalsError, RefusedError
from sweeps.messages import Died, Outcome, Raised
from sweeps.paths import BestPaths, RunPaths, make_folder
from sweeps.results.bundle import (
    Exported,
    released,
    require_checkpoint,
    trial_spec,
    write_descriptions,
    write_json,
)
from sweeps.results.choices import read_choice
from sweeps.results.strict import strict
from sweeps.results.winner import Winner, find_winner, scalars
from sweeps.study.record import TrialRecord

if TYPE_CHECKING:
    from sweeps.spec import SweepSpec


class Caller(Protocol):
    """The part of an engine that runs one function in a worker."""

    def call(self, job: Job) -> JobResult: ...


def is_final(paths: RunPaths, spec: SweepSpec, records: Sequence[TrialRecord]) -> bool:
    """Whether `finalise` has nothing left to do. Raises NoUsableTrialError as it does."""
    return _is_done(paths, spec, find_winner(paths, spec, records))


def finalise(
    paths: RunPaths,
    spec: SweepSpec,
    records: Sequence[TrialRecord],
    engine: Caller,
    again: str | None = None,
    *,
    interrupted: bool = False,
    observers: Sequence[Observer] = (),
) -> Winner:
    """Choose the winner, export its model and test it once; does nothing where `is_final`.

    ``again`` is the reason for testing although another trial was tested before; it is recorded. The winner
    comes back with ``test`` None where the spec names no test, or the test itself was interrupted.
    ``observers`` are told when this begins and ends.

    Raises:
        NoUsableTrialError: no trial is COMPLETE.
        CheckpointError: the winner's checkpoint is damaged.
        RefusedError: the sweep was ``interrupted``, or another trial was tested before and ``again`` is None.
        FinalsError: the export or the test failed; the same trial may be tested again.
    """
    winner = find_winner(paths, spec, records)
    if _is_done(paths, spec, winner):
        return winner
    if interrupted:
        raise RefusedError(
            f"the winner is tested when its sweep has ended, and {paths.root} was interrupted: "
            "`sweep resume` it, or end it where it stands by the same with --set budget.wall=1s"
        )
    earlier = _last_tested(paths.best)
    test = _result_of(winner.number, earlier)
    if test is None and again is None and earlier is not None and earlier["trial"] != winner.number:
        raise RefusedError(_tested_before(paths, earlier, winner))
    require_checkpoint(winner)
    selection = _select(paths.best, spec, winner, earlier, again)
    function = spec.final_test if test is None else None
    repeated = function is not None and selection is earlier
    _tell(observers, FinalsStarted(time.time(), winner.number, function, repeated))
    result = engine.call(Job(trial_spec(spec, winner), function, paths.best.directory, spec.export))
    if test is None and result.value is not None and result.value["test"] is not None:
        test = _entry({**selection, "metrics": strict(result.value["test"]), "time": _now()})
    if test is not None:
        history = [entry for entry in selection.get("history", []) if entry != test]
        write_json(paths.best.test, {**test, "history": history})
    _describe(paths.best, spec, winner, result)
    _tell(observers, FinalsEnded(time.time(), winner.number, tested=test is not None))
    return find_winner(paths, spec, records)


def _tell(observers: Sequence[Observer], event: Event) -> None:
    for observer in observers:
        observer(event)


def _is_done(paths: RunPaths, spec: SweepSpec, winner: Winner) -> bool:
    return released(paths.best) == winner.number and (spec.final_test is None or winner.test is not None)


def _last_tested(best: BestPaths) -> dict[str, Any] | None:
    """The choice whose test was begun last, with its ``metrics`` if the test has ended."""
    tested, selected = read_choice(best.test), read_choice(best.selection)
    if selected is None or selected.get("test") is None:
        return tested
    return tested if tested is not None and tested["trial"] == selected["trial"] else selected


def _result_of(number: int, earlier: dict[str, Any] | None) -> dict[str, Any] | None:
    """What a test of trial ``number`` gave before, the last test or one of the history."""
    tests = [_entry(earlier), *map(_entry, earlier.get("history", []))] if earlier else []
    return next((test for test in tests if test["trial"] == number and test["metrics"] is not None), None)


def _select(
    best: BestPaths, spec: SweepSpec, winner: Winner, earlier: dict[str, Any] | None, again: str | None
) -> dict[str, Any]:
    """Freeze the choice on disk, and clear away the bundle of another one."""
    if earlier is not None and earlier["trial"] == winner.number:
        return earlier
    selection = {
        "trial": winner.number,
        "epoch": winner.epoch,
        "objective": {"name": winner.metric, "value": winner.value},
        "test": spec.final_test,
        "time": _now(),
        "reason": again if earlier else None,
        "history": [*earlier.get("history", []), _entry(earlier)] if earlier else [],
    }
    make_folder(best.directory)
    write_json(best.selection, selection)
    for stale in (best.model, best.config, best.schedule, best.metrics, best.test):
        stale.unlink(missing_ok=True)
    return selection


def _entry(record: dict[str, Any]) -> dict[str, Any]:
    """What the history keeps of a choice; ``metrics`` is None where its test did not end."""
    return {key: record.get(key) for key in ("trial", "epoch", "metrics", "time", "reason")}


def _describe(best: BestPaths, spec: SweepSpec, winner: Winner, result: JobResult) -> None:
    """Write what was exported; after a failed test the model that was written before it still stands."""
    files = [best.model.name] if best.model.exists() else []
    if files or result.value is not None:
        write_descriptions(best, spec, winner, Exported(files, (result.value or {}).get("note")))
    _raise_failure(result.outcome, spec, winner)


def _raise_failure(outcome: Outcome, spec: SweepSpec, winner: Winner) -> None:
    if not isinstance(outcome, Raised | Died):
        return
    if outcome.kind == "disk":
        raise DiskFullError(outcome.message)
    what = (
        f"the test of trial {winner.number} by {spec.final_test}"
        if spec.final_test
        else f"the export of trial {winner.number}"
    )
    trace = f"\n{outcome.traceback.rstrip()}" if isinstance(outcome, Raised) and outcome.traceback else ""
    raise FinalsError(
        f"{what} must end without an error, and ended with {outcome.message}: "
        f"repair it and run `sweep test` on the results folder{trace}"
    )


def _tested_before(paths: RunPaths, earlier: dict[str, Any], winner: Winner) -> str:
    metrics = earlier.get("metrics")
    gave = ", ".join(f"{name} {value}" for name, value in scalars(metrics or {}).items()) or "no result"
    return (
        f"one trial of a sweep is tested, once: trial {earlier['trial']} was, at {earlier.get('time')} "
        f"({gave}), and the best trial is now {winner.number}; keep that result, or give the reason for "
        f'another test, which is recorded: sweep test {paths.root} --again "..."'
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
