"""The parts of a run, each opened where an ExitStack closes it."""

from __future__ import annotations

import itertools
from contextlib import ExitStack

from sweeps.controller import Controller, Event, Ticked
from sweeps.engines import Engine, create_engine, hand_over, shelf
from sweeps.results import Layout, TableWriter, journal_stamp
from sweeps.runner.eventlog import EventLog
from sweeps.runner.search import build_search
from sweeps.runner.signals import Signals
from sweeps.runner.state import Run
from sweeps.runner.warm_start import described
from sweeps.study import StudyStore
from sweeps.surrogate.taken import read_taken


def open_study(run: Run, stack: ExitStack) -> StudyStore:
    """The folder's study, to be written."""
    spec = run.spec
    objectives = spec.objectives
    store = StudyStore.open(run.paths, spec.name, objectives.goal, spec.storage, objectives.further)
    store.eager = not spec.simulated
    stack.callback(store.close)
    return store


def open_engine(run: Run, stack: ExitStack) -> tuple[Engine, Signals]:
    """The engine, and the signals that end it: they are heard until it is closed."""
    engine = create_engine(run.spec.engine, run.settings)
    signals = stack.enter_context(Signals(lambda: None, engine.kill))
    stack.callback(engine.close)
    return engine, signals


def open_controller(
    run: Run, store: StudyStore, engine: Engine, stack: ExitStack
) -> tuple[Controller, TableWriter]:
    """The controller, and what keeps the tables: both told of every event."""
    earlier = read_taken(run.paths) if run.spec.warm_start else ()
    run.notes += described(earlier)
    sampler, pruner = build_search(run.spec, store, engine.workers, run.places, earlier)
    writer = TableWriter(run.paths, Layout.of(run.spec))
    log = EventLog(run.paths.events)
    stack.callback(log.close)

    def refresh(event: Event) -> None:
        if isinstance(event, Ticked):
            writer.refresh(store.records, journal_stamp(run.paths))

    checkpoints = shelf(run.settings, run.paths)
    stack.callback(checkpoints.close)
    run.observers[:0] = [log, refresh]
    for event, observe in itertools.product(run.early, run.observers):
        observe(event)
    controller = Controller(
        run.spec,
        run.paths,
        store,
        sampler,
        pruner,
        run.observers,
        engine.clock(store.elapsed),
        hand_over=hand_over(run.settings),
        source=run.manifest.source,
        shelf=checkpoints,
    )
    return controller, writer
