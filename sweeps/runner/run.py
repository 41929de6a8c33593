"""The main road: a spec in; trials, tables, a tested winner out."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from sweeps.controller import Controller, Noted, Observer
from sweeps.engines import Engine
from sweeps.errors import DiskFullError, UsageError
from sweeps.finals import finalise
from sweeps.paths import RunPaths, shown
from sweeps.refusals import in_words
from sweeps.results import TableWriter, Winner, journal_stamp
from sweeps.runner.checks import check_gpus, check_runnable, refuse_inside_import, with_absolute_storage
from sweeps.runner.code import settle_source
from sweeps.runner.configurations import check_curves
from sweeps.runner.edit import apply_edit, read_edit, settle_edit
from sweeps.runner.eventlog import EventLog
from sweeps.runner.folder import (
    claim,
    create_folder,
    found_from_here,
    has_begun,
    keep_changes,
    read_folder,
    recorded_places,
    refuse_changes,
    search_path,
    write_manifest,
)
from sweeps.runner.migrate import migrate
from sweeps.runner.outcome import RunResult, finish, result_of, stopped_by_disk
from sweeps.runner.parts import open_controller, open_engine, open_study
from sweeps.runner.room import claimed, clear_asides, system_refusals
from sweeps.runner.state import Run
from sweeps.runner.trust import code_places
from sweeps.runner.warm_start import take
from sweeps.spec import load_spec, with_keep
from sweeps.study import read_end, read_records
from sweeps.surrogate.taken import write_taken

DEFAULT_RESULTS = Path("results")


def run(
    path: str | Path,
    overrides: Sequence[str] = (),
    *,
    results: str | Path = DEFAULT_RESULTS,
    fresh: bool = False,
    observers: Iterable[Observer] = (),
    command: Sequence[str] = (),
    address: str | None = None,
    allow_code_change: bool = False,
) -> RunResult:
    """Run the sweep of a search-space file, or go on with it where its folder stands.

    Args:
        path: the YAML.
        overrides: "a.b=c", YAML-typed, over the file.
        results: where the folder named after the sweep is made.
        fresh: move an existing folder aside and start anew.
        observers: called with every event of the controller.
        command: the command line, for env.json.
        address: of the Ray cluster, with ``engine: ray``: "auto" or "host:port"; None for
            RAY_ADDRESS, or else a private Ray on this machine.
        allow_code_change: go on although trials have ended under another source of the training function.

    Raises:
        SpecError, UsageError, TargetError: nothing was changed on disk; a worker's import that fails leaves a
            folder without trials, which the next run takes over.
        RefusedError: the folder was begun under another spec or source, or is locked.
    """
    refuse_inside_import()
    spec = with_absolute_storage(load_spec(Path(path), overrides))
    check_runnable(spec, search_path(spec), address)
    check_curves(spec, search_path(spec))
    paths = RunPaths((Path(results) / spec.name).absolute())
    with in_words():  # before an older folder is moved aside
        taken = take(spec, search_path(spec)) if fresh or not has_begun(paths) else ()
    with claimed(paths, fresh=fresh):
        settle_edit(paths)
        if has_begun(paths):
            before, manifest = read_folder(paths)
            spec = with_keep(spec, before.keep)
            refuse_changes(before, before.difference(spec), paths)
            manifest = found_from_here(recorded_places(paths, manifest), search_path(spec))
        else:
            write_taken(paths, taken or take(spec, search_path(spec)))
            manifest = create_folder(paths, spec, command)
        this = Run(spec, paths, manifest, address, observers=list(observers))
        return _execute(this, allow_code_change)


def resume(
    directory: str | Path,
    overrides: Sequence[str] = (),
    *,
    edit: str | Path | None = None,
    observers: Iterable[Observer] = (),
    address: str | None = None,
    allow_code_change: bool = False,
) -> RunResult:
    """Go on with the sweep of a results folder, as it is, extended, or with another search space.

    Args:
        directory: the results folder, wherever it has been moved or copied to.
        overrides: what is changed of the sweep's YAML, such as its budget; with ``edit`` of that file.
        edit: a changed YAML. Trials inside its space are kept, the others are marked ``outside``.
        observers, address, allow_code_change: as for `run`.

    Raises:
        UsageError: no sweep there, or it cannot be run; nothing was changed.
        RefusedError: a change would falsify what the finished trials mean, or the folder is locked.
    """
    refuse_inside_import()
    paths = RunPaths(Path(directory).absolute())
    with in_words():
        _found(paths, overrides, edit, address)  # says what is wrong before the folder is touched
    with claimed(paths):
        settle_edit(paths)
        this = _found(paths, overrides, edit, address)
        this.observers.extend(observers)
        check_runnable(this.spec, this.places, address)
        check_curves(this.spec, this.places)
        return _execute(this, allow_code_change)


def test(directory: str | Path, *, again: str | None = None, address: str | None = None) -> Winner:
    """Evaluate the winner on the test split; a trial that was tested is not tested again.

    Args:
        again: why another trial is tested after one was; recorded.
        address: as for `run`.

    Raises:
        NoUsableTrialError: no trial is COMPLETE.
        RefusedError: the sweep has not ended, or another trial was tested before and ``again`` is None.
        FinalsError: the test failed.
        KeyboardInterrupt: it was interrupted; it may be repeated.
    """
    if again is not None and not again.strip():
        raise UsageError("--again must give the reason for a second test, and it is empty: write one")
    paths = RunPaths(Path(directory).absolute())
    with in_words():
        read_folder(paths)
    with system_refusals(paths), claim(paths), ExitStack() as stack:
        settle_edit(paths)
        this = _found(paths, address=address)
        spec = this.spec
        if spec.simulated:
            raise UsageError(
                "test: a simulated sweep trains no model, so there is nothing to test: run it on another "
                "engine, with --results for a folder of its own"
            )
        if spec.test is None:
            raise UsageError("test: the YAML must name a test function (test: module:function), and has none")
        engine, signals = open_engine(this, stack)
        signals.on_stop(engine.kill)
        records = read_records(paths, spec.name, spec.metric.goal, spec.storage)
        ended = read_end(paths, spec.name, spec.storage) is not None
        log = EventLog(paths.events)
        stack.callback(log.close)
        winner = finalise(paths, spec, records, engine, again, interrupted=not ended, observers=[log])
        signals.closing()
        if signals.received is not None and winner.test is None:
            raise KeyboardInterrupt
        return winner


def _found(
    paths: RunPaths,
    overrides: Sequence[str] = (),
    edit: str | Path | None = None,
    address: str | None = None,
) -> Run:
    spec, manifest = read_folder(paths, () if edit else overrides)
    change = None
    if edit is not None:
        spec, change = read_edit(paths, spec, Path(edit), overrides)
    places, notes = code_places(paths, spec)
    if edit is not None and change is None:
        notes.append(f"nothing was edited: {edit} says what {shown(paths.root)} holds already")
    places = places if edit is None else [*places, *search_path(spec)]
    manifest = found_from_here(recorded_places(paths, manifest), places)
    return Run(spec, paths, manifest, address, change, notes=notes)


def _execute(run: Run, allow_code_change: bool) -> RunResult:
    edited, recorded = run.edit is not None, run.manifest.source
    source, note = settle_source(run.paths, run.spec, run.manifest, edited=edited, allow=allow_code_change)
    with ExitStack() as stack:
        engine, signals = open_engine(run, stack)
        check_gpus(run.spec, engine.gpus)  # on Ray this connects: what is refused by it has changed nothing
        clear_asides(run.paths)
        _prepare(run, source, note)
        store = open_study(run, stack)
        controller, writer = open_controller(run, store, engine, stack)
        _keep_changes(run, recorded)
        signals.on_stop(controller.interrupt)
        try:
            _run_trials(run, controller, engine, writer)
            signals.on_stop(engine.kill)  # from here on there is nothing left to stop in good order
            winner, code = finish(run, controller, engine)
        except (OSError, DiskFullError) as error:
            return stopped_by_disk(run, controller, error)
        signals.closing()
        return result_of(run, controller, winner, code, signals.received)


def _prepare(run: Run, source: str, note: str | None) -> None:
    """Bring the study to what this run was asked for; ``note`` is on the function's ``source``."""
    before = run.edit.before if run.edit else run.spec
    migrated, run.manifest = migrate(run.paths, before, run.manifest)
    run.notes += [said for said in (migrated, note) if said is not None]
    run.early += [Noted(time.time(), said) for said in run.notes]
    run.manifest = replace(run.manifest, source=source)
    if run.edit:
        run.manifest, event = apply_edit(run.paths, run.manifest, run.edit)
        run.early.append(event)


def _keep_changes(run: Run, recorded: str) -> None:
    """Nothing is refused any more: what was changed stands. ``recorded`` is the source the folder names."""
    keep_changes(run.paths, run.spec)
    if run.manifest.source != recorded:
        write_manifest(run.paths, run.manifest)


def _run_trials(run: Run, controller: Controller, engine: Engine, writer: TableWriter) -> None:
    controller.start(engine.workers, engine.gpus)
    if controller.nothing_left:
        controller.ask()  # says why
    else:
        engine.run(controller)
    controller.close()
    writer.write(controller.records, journal_stamp(run.paths))
