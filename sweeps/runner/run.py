"""The main road: a spec in; trials, tables, a tested winner out."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from sweeps.controller import Controller, Event, Observer, Ticked, cause_of
from sweeps.engines import Engine, EngineSettings, create_engine, hand_over, shelf
from sweeps.engines.output import last_lines
from sweeps.errors import (
    CorruptStudyError,
    DiskFullError,
    NoUsableTrialError,
    RefusedError,
    SweepError,
    UsageError,
)
from sweeps.finals import finalise, is_final
from sweeps.paths import RunPaths, shown
from sweeps.pruners import build_pruner
from sweeps.results import Layout, TableWriter, Winner, journal_stamp
from sweeps.results.choices import read_choice
from sweeps.runner.checks import (
    check_gpus,
    check_runnable,
    engine_settings,
    refuse_inside_import,
    with_absolute_storage,
)
from sweeps.runner.code import settle_source
from sweeps.runner.edit import Edit, apply_edit, read_edit, settle_edit
from sweeps.runner.eventlog import EventLog
from sweeps.runner.folder import (
    Manifest,
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
from sweeps.runner.room import clear_asides, disk_trouble, require_start, system_refusals
from sweeps.runner.signals import Signals
from sweeps.runner.trust import code_places
from sweeps.samplers import build_sampler
from sweeps.spec import SweepSpec, load_spec
from sweeps.study import StudyStore, TrialRecord, read_end, read_records

DEFAULT_RESULTS = Path("results")
_WITH_LOG = ("error", "crash", "hang")  # failures whose cause is to be found in the log
_LOG_LINES = 20


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


@dataclass(slots=True)
class _Run:
    """One run of one folder, while it holds the folder's lock."""

    spec: SweepSpec
    paths: RunPaths
    manifest: Manifest
    address: str | None = None  # of a Ray cluster
    edit: Edit | None = None  # what has still to be changed in the folder
    observers: list[Observer] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    early: list[Event] = field(default_factory=list)  # before there is a controller

    @property
    def places(self) -> tuple[Path, ...]:
        """Where the user's code is looked up."""
        return tuple(Path(place) for place in self.manifest.search_path)

    @property
    def settings(self) -> EngineSettings:
        return engine_settings(self.spec, self.places, self.address, self.manifest.id, self.paths.root)


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
        SpecError, UsageError, TargetError: nothing was changed on disk.
        RefusedError: the folder was begun under another spec or source, or is locked.
    """
    refuse_inside_import()
    spec = with_absolute_storage(load_spec(Path(path), overrides))
    check_runnable(spec, search_path(spec), address)
    paths = RunPaths((Path(results) / spec.name).absolute())
    require_start(paths)
    with system_refusals(paths), claim(paths, fresh):
        settle_edit(paths)
        if has_begun(paths):
            before, manifest = read_folder(paths)
            refuse_changes(before.difference(spec), paths)
            manifest = found_from_here(recorded_places(paths, manifest), search_path(spec))
        else:
            manifest = create_folder(paths, spec, command)
        this = _Run(spec, paths, manifest, address, observers=list(observers))
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
    _found(paths, overrides, edit, address)  # says what is wrong before the folder is touched
    require_start(paths)
    with system_refusals(paths), claim(paths):
        settle_edit(paths)
        this = _found(paths, overrides, edit, address)
        this.observers.extend(observers)
        check_runnable(this.spec, this.places, address)
        return _execute(this, allow_code_change)


def test(directory: str | Path, *, again: str | None = None, address: str | None = None) -> Winner:
    """Evaluate the winner on the test split; a trial that was tested is not tested again.

    Args:
        again: why another trial is tested after one was; recorded.
        address: as for `run`.

    Raises:
        NoUsableTrialError: no trial is COMPLETE.
        RefusedError: the sweep has not ended, or another trial was tested before and ``again`` is None.
        SweepError: the test failed.
        KeyboardInterrupt: it was interrupted; it may be repeated.
    """
    if again is not None and not again.strip():
        raise UsageError("--again must give the reason for a second test, and it is empty: write one")
    paths = RunPaths(Path(directory).absolute())
    read_folder(paths)
    with system_refusals(paths), claim(paths), ExitStack() as stack:
        settle_edit(paths)
        this = _found(paths, address=address)
        spec = this.spec
        if spec.test is None:
            raise UsageError("test: the YAML must name a test function (test: module:function), and has none")
        engine, signals = _open_engine(this, stack)
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
) -> _Run:
    spec, manifest = read_folder(paths, () if edit else overrides)
    change = None
    if edit is not None:
        spec, change = read_edit(paths, spec, Path(edit), overrides)
    places, notes = code_places(paths, spec)
    places = places if edit is None else [*places, *search_path(spec)]
    manifest = found_from_here(recorded_places(paths, manifest), places)
    return _Run(spec, paths, manifest, address, change, notes=notes)


def _execute(run: _Run, allow_code_change: bool) -> RunResult:
    edited = run.edit is not None
    source, note = settle_source(run.paths, run.spec, run.manifest, edited=edited, allow=allow_code_change)
    with ExitStack() as stack:
        engine, signals = _open_engine(run, stack)
        clear_asides(run.paths)
        _prepare(run, source, note)
        store = _open_study(run, stack)
        controller, writer = _open_controller(run, store, engine, stack)
        signals.on_stop(controller.interrupt)
        try:
            _run_trials(run, controller, engine, writer)
            signals.on_stop(engine.kill)  # from here on there is nothing left to stop in good order
            winner, code = _finish(run, controller, engine)
        except (OSError, DiskFullError) as error:
            return _stopped_by_disk(run, controller.halt_message or _trouble(run, error))
        signals.closing()
        return _result(run, controller, winner, code, signals.received)


def _prepare(run: _Run, source: str, note: str | None) -> None:
    """Bring the folder to what this run was asked for; ``note`` is on the function's ``source``."""
    before = run.edit.before if run.edit else run.spec
    migrated, run.manifest = migrate(run.paths, before, run.manifest)
    run.notes += [said for said in (migrated, note) if said is not None]
    changed = source != run.manifest.source
    run.manifest = replace(run.manifest, source=source)
    if run.edit:
        run.manifest, event = apply_edit(run.paths, run.manifest, run.edit)
        run.early.append(event)
        return
    keep_changes(run.paths, run.spec)
    if changed:
        write_manifest(run.paths, run.manifest)


def _run_trials(run: _Run, controller: Controller, engine: Engine, writer: TableWriter) -> None:
    check_gpus(run.spec, engine.gpus)
    controller.start(engine.workers, engine.gpus)
    if controller.nothing_left:
        controller.ask()  # says why
    else:
        engine.run(controller)
    controller.close()
    writer.write(controller.records, journal_stamp(run.paths))


def _open_study(run: _Run, stack: ExitStack) -> StudyStore:
    spec = run.spec
    store = StudyStore.open(run.paths, spec.name, spec.metric.goal, spec.storage)
    stack.callback(store.close)
    return store


def _open_engine(run: _Run, stack: ExitStack) -> tuple[Engine, Signals]:
    """The engine, and the signals that end it: they are heard until it is closed."""
    engine = create_engine(run.spec.engine, run.settings)
    signals = stack.enter_context(Signals(lambda: None, engine.kill))
    stack.callback(engine.close)
    return engine, signals


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
        search_path=run.places,
        infeasible=spec.infeasible,
    )
    pruner = build_pruner(
        spec.pruner.name,
        spec.pruner.options,
        goal=goal,
        epochs=spec.epochs,
        store=store,
        search_path=run.places,
    )
    writer = TableWriter(run.paths, Layout.of(spec))
    log = EventLog(run.paths.events)
    stack.callback(log.close)

    def refresh(event: Event) -> None:
        if isinstance(event, Ticked):
            writer.refresh(store.records, journal_stamp(run.paths))

    run.observers[:0] = [log, refresh]
    for event, observe in itertools.product(run.early, run.observers):
        observe(event)
    controller = Controller(
        spec,
        run.paths,
        store,
        sampler,
        pruner,
        run.observers,
        hand_over=hand_over(run.settings),
        source=run.manifest.source,
        shelf=shelf(run.settings, run.paths),
    )
    return controller, writer


def _finish(run: _Run, controller: Controller, engine: Engine) -> tuple[Winner | None, int]:
    """Choose and test the winner; what stands in its way becomes a note and an exit code."""
    resume = f"sweep resume {shown(run.paths.root)}"
    if controller.end_reason == "interrupted":
        run.notes.append(f"interrupted; to go on: {resume}")
        return None, 130
    if controller.end_reason == "disk":
        run.notes.append(_free_space(run, controller.halt_message or "the disk is full"))
        return None, DiskFullError.exit_code
    if controller.end_reason == controller.halt_reason:
        run.notes.append(f"stopped by the {controller.halt_reason}; to go on when that is mended: {resume}")
        return None, 6
    try:
        winner = finalise(run.paths, run.spec, controller.records, engine, observers=run.observers)
    except (NoUsableTrialError, CorruptStudyError) as error:
        run.notes.append(str(error))
        return None, error.exit_code
    except RefusedError as error:
        # An extended sweep has a new winner: everything is done but a second test, which nobody asked for.
        run.notes.append(str(error))
        return None, 0
    except DiskFullError:
        raise
    except SweepError as error:
        run.notes.append(f"{error}\nto repeat it when that is mended: {resume}")
        return None, 3
    if not is_final(run.paths, run.spec, controller.records):
        what = "export" if run.spec.test is None else "test"
        run.notes.append(f"the {what} of the winner was interrupted; to repeat it: {resume}")
        return winner, 0
    note = (read_choice(run.paths.best.metrics) or {}).get("note")
    if note:
        run.notes.append(f"no model was exported: {note}")
    return winner, 0


def _trouble(run: _Run, error: OSError | DiskFullError) -> str:
    message = disk_trouble(error, run.paths)
    if message is None:
        raise error
    return message


def _stopped_by_disk(run: _Run, message: str) -> RunResult:
    """Where the driver itself could not write: nothing more is written, and the study says what became of
    the trials. Those that ran are taken up as they are after a kill.
    """
    spec = run.spec
    records = read_records(run.paths, spec.name, spec.metric.goal, spec.storage)
    ended: Counter[str] = Counter(record.state if record.ended else "INTERRUPTED" for record in records)
    notes = (*run.notes, _free_space(run, message))
    return RunResult(run.paths.root, spec, "disk", dict(ended), DiskFullError.exit_code, notes=notes)


def _free_space(run: _Run, message: str) -> str:
    return f"{message}; free some space, and go on: sweep resume {shown(run.paths.root)}"


def _result(
    run: _Run, controller: Controller, winner: Winner | None, code: int, signal: int | None
) -> RunResult:
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
    lines = last_lines(paths.trial(example.number).log, _LOG_LINES)
    return "\n".join([head, *(f"    {line}" for line in lines)])
