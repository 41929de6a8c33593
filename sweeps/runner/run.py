"""The main road: a spec in; trials, tables, a tested winner out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from sweeps.controller import Controller, Event, Observer
from sweeps.controller import Ticked as _Ticked
from sweeps.engines import Engine, EngineSettings, create_engine
from sweeps.errors import NoUsableTrialError, RefusedError
from sweeps.finals import finalise
from sweeps.paths import RunPaths, shown
from sweeps.pruners import build_pruner
from sweeps.results import Layout, TableWriter, Winner, journal_stamp
from sweeps.runner.eventlog import EventLog
from sweeps.runner.folder import (
    Manifest,
    create_folder,
    found_from_here,
    is_sweep,
    keep_changes,
    move_aside,
    read_folder,
    refuse_changes,
    search_path,
    source_warning,
)
from sweeps.runner.signals import Signals
from sweeps.samplers import build_sampler
from sweeps.spec import SweepSpec, load_spec
from sweeps.study import RunLock, StudyStore, TrialRecord, read_end, read_records
from sweeps.trial import source_hash

DEFAULT_RESULTS = Path("results")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    ``reason``: budget.trials | budget.wall | space exhausted | interrupted.
    ``states``: number of trials by state. ``notes``: what the user should read, one line or more each.
    """

    directory: Path
    spec: SweepSpec
    reason: str
    states: Mapping[str, int]
    exit_code: int
    winner: Winner | None = None
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Run:
    """One run of one folder, while it holds the folder's lock."""

    spec: SweepSpec
    paths: RunPaths
    manifest: Manifest
    observers: list[Observer]
    notes: list[str] = field(default_factory=list)


def run(
    path: str | Path,
    overrides: Sequence[str] = (),
    *,
    results: str | Path = DEFAULT_RESULTS,
    fresh: bool = False,
    observers: Iterable[Observer] = (),
    command: Sequence[str] = (),
) -> Outcome:
    """Run the sweep of a search-space file, or go on with it where its folder stands.

    Args:
        path: the YAML.
        overrides: "a.b=c", YAML-typed, over the file.
        results: where the folder named after the sweep is made.
        fresh: move an existing folder aside and start anew.
        observers: called with every event of the controller.
        command: the command line, for env.json.

    Raises:
        SpecError, UsageError, TargetError: nothing was changed on disk.
        RefusedError: the folder was begun under another spec, or is locked.
    """
    spec = load_spec(Path(path), overrides)
    paths = RunPaths((Path(results) / spec.name).absolute())
    source_hash(spec.train, search_path(spec))  # a function that is not there is found out before anything
    create_engine(spec.engine, engine_settings(spec, search_path(spec))).close()
    if fresh and is_sweep(paths):
        with RunLock(paths.lock):
            move_aside(paths)
    if is_sweep(paths):
        before, manifest = read_folder(paths)
        refuse_changes(before.difference(spec), paths)
        manifest = found_from_here(manifest, spec)
    else:
        manifest = create_folder(paths, spec, command)
    return _execute(_Run(spec, paths, manifest, list(observers)))


def resume(
    directory: str | Path, overrides: Sequence[str] = (), *, observers: Iterable[Observer] = ()
) -> Outcome:
    """Go on with the sweep of a results folder; ``overrides`` may extend its budget.

    Raises:
        UsageError: no sweep there.
        RefusedError: an override would change what the finished trials mean, or the folder is locked.
    """
    paths = RunPaths(Path(directory).absolute())
    spec, manifest = read_folder(paths, overrides)
    return _execute(_Run(spec, paths, manifest, list(observers)))


def test(directory: str | Path, *, trial: int | None = None, again: str | None = None) -> Winner:
    """Evaluate the winner, or ``trial``, on the test split; a trial that was tested is not tested again.

    Raises:
        NoUsableTrialError: it is not COMPLETE.
        RefusedError: the sweep has not ended, or another trial was tested before and ``again`` is None.
    """
    paths = RunPaths(Path(directory).absolute())
    spec, manifest = read_folder(paths)
    with RunLock(paths.lock), ExitStack() as stack:
        engine = _open_engine(_Run(spec, paths, manifest, []), stack)
        records = read_records(paths, spec.name, spec.metric.goal, spec.storage)
        chosen = [record for record in records if trial is None or record.number == trial]
        interrupted = read_end(paths, spec.name, spec.storage) is None
        with Signals(engine.kill, engine.kill):
            return finalise(paths, spec, chosen, engine, again, interrupted=interrupted)


def _execute(run: _Run) -> Outcome:
    with RunLock(run.paths.lock), ExitStack() as stack:
        keep_changes(run.paths, run.spec)
        warning = source_warning(run.paths, run.spec, run.manifest)
        if warning:
            run.notes.append(warning)
        store = _open_study(run, stack)
        engine = _open_engine(run, stack)
        controller, writer = _open_controller(run, store, engine, stack)
        with Signals(controller.interrupt, engine.kill) as signals:
            controller.start(engine.workers)
            if controller.nothing_left:
                controller.ask()  # says why
            else:
                engine.run(controller)
            controller.close()
            writer.write(controller.records, journal_stamp(run.paths))
            signals.stop = engine.kill  # from here on there is nothing left to stop in good order
            winner, code = _finish(run, controller, engine)
        return _outcome(run, controller, winner, code, signals.received)


def _open_study(run: _Run, stack: ExitStack) -> StudyStore:
    spec = run.spec
    store = StudyStore.open(run.paths, spec.name, spec.metric.goal, spec.storage)
    stack.callback(store.close)
    return store


def _open_engine(run: _Run, stack: ExitStack) -> Engine:
    places = tuple(Path(place) for place in run.manifest.search_path)
    engine = create_engine(run.spec.engine, engine_settings(run.spec, places))
    stack.callback(engine.close)
    return engine


def engine_settings(spec: SweepSpec, places: tuple[Path, ...]) -> EngineSettings:
    """What an engine needs to know of a spec."""
    return EngineSettings(
        train=spec.train,
        test=spec.test,
        search_path=places,
        cpus=spec.resources.cpus,
        gpus=spec.resources.gpus,
        workers=spec.workers,
        isolation=spec.isolation,
        max_trials_per_worker=spec.max_trials_per_worker,
        report_timeout=spec.timeout.report,
        trial_timeout=spec.timeout.trial,
    )


def _open_controller(
    run: _Run, store: StudyStore, engine: Engine, stack: ExitStack
) -> tuple[Controller, TableWriter]:
    spec, goal = run.spec, run.spec.metric.goal
    sampler = build_sampler(
        spec.sampler.name,
        spec.sampler.options,
        space=spec.space,
        seed=spec.seed,
        parallel=engine.workers > 1,
        store=store,
    )
    pruner = build_pruner(spec.pruner.name, spec.pruner.options, goal=goal, epochs=spec.epochs, store=store)
    writer = TableWriter(run.paths, Layout.of(spec))
    log = EventLog(run.paths.events)
    stack.callback(log.close)

    def refresh(event: Event) -> None:
        if isinstance(event, _Ticked):
            writer.refresh(store.records, journal_stamp(run.paths))

    observers: list[Observer] = [log, refresh, *run.observers]
    return Controller(spec, run.paths, store, sampler, pruner, observers), writer


def _finish(run: _Run, controller: Controller, engine: Engine) -> tuple[Winner | None, int]:
    """Choose and test the winner; what stands in its way becomes a note and an exit code."""
    if controller.interrupted:
        run.notes.append(f"interrupted; to go on: sweep resume {shown(run.paths.root)}")
        return None, 0
    try:
        return finalise(run.paths, run.spec, controller.records, engine), 0
    except NoUsableTrialError as error:
        run.notes.append(str(error))
        return None, error.exit_code
    except RefusedError as error:
        # An extended sweep has a new winner: everything is done but a second test, which nobody asked for.
        run.notes.append(str(error))
        return None, 0


def _outcome(
    run: _Run, controller: Controller, winner: Winner | None, code: int, signal: int | None
) -> Outcome:
    states: Counter[str] = Counter(record.state for record in controller.records)
    if signal is not None:
        code = 128 + signal
    elif code == 0 and states["FAILED"]:
        code = 3
    return Outcome(
        directory=run.paths.root,
        spec=run.spec,
        reason=controller.end_reason or "interrupted",
        states=dict(states),
        exit_code=code,
        winner=winner,
        notes=(*run.notes, *_failures(controller.records, shown(run.paths.root))),
    )


def _failures(records: Sequence[TrialRecord], folder: str) -> list[str]:
    """Failed trials grouped by what they died of, one line a cause."""
    causes: dict[str, list[int]] = {}
    for record in records:
        if record.state == "FAILED":
            causes.setdefault(f"{record.stop_reason}: {record.error}", []).append(record.number)
    return [
        f"{len(numbers)} trial(s) failed with {cause} (the log of one: sweep logs {folder} {numbers[0]})"
        for cause, numbers in causes.items()
    ]
