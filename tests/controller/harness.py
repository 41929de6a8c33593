"""A controller over a real study in a folder, driven message by message as an engine would."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

from sweeps.controller import Clock, Controller, Event
from sweeps.messages import Continue, Exhausted, Returned, Stop, TrialSpec, Wait
from sweeps.paths import RunPaths
from sweeps.runner.search import build_search
from sweeps.spec import SweepSpec, load_spec
from sweeps.study import StudyStore

BASE = """
version: 1
name: toy
train: toy:train
epochs: 9
parameters:
  x: {min: 0.0, max: 1.0}
  kind: {values: [a, b, 1, 1.0, true]}
  depth: {min: 1, max: 4, when: {kind: [a, b]}}
budget: {trials: 6}
pruner: none
canary: false
"""


def write_spec(folder: Path, text: str = BASE, overrides: tuple[str, ...] = ()) -> SweepSpec:
    path = folder / "toy.yaml"
    path.write_text(text)
    return load_spec(path, overrides)


class FakeTime:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def clock(self) -> Clock:
        return Clock(lambda: self.now, lambda: self.now)


@contextmanager
def opened(folder: Path, spec: SweepSpec, time: FakeTime | None = None, workers: int = 1, gpus: float = 0.0):
    """The controller of the sweep in ``folder``, started; events in ``controller.events``."""
    paths = RunPaths(folder / "results")
    paths.trials.mkdir(parents=True, exist_ok=True)
    paths.manifest.write_text(json.dumps({"id": folder.name}))
    with opened_in(paths, spec, time, workers, gpus) as controller:
        yield controller


@contextmanager
def opened_in(
    paths: RunPaths, spec: SweepSpec, time: FakeTime | None = None, workers: int = 1, gpus: float = 0.0
):
    """The same over a results folder that is there."""
    store = StudyStore.open(paths, spec.name, spec.metric.goal, spec.storage)
    try:
        yield started(paths, spec, store, time, workers, gpus)
    finally:
        store.close()


def started(
    paths: RunPaths,
    spec: SweepSpec,
    store: StudyStore,
    time: FakeTime | None = None,
    workers: int = 1,
    gpus: float = 0.0,
) -> Controller:
    """A controller over an open study; events in ``controller.events``."""
    events: list[Event] = []
    search = build_search(spec, store, workers)
    controller = Controller(spec, paths, store, *search, [events.append], (time or FakeTime()).clock())
    controller.events = events
    controller.start(workers, gpus)
    return controller


def curve(config) -> Callable[[int], float]:
    """A smooth curve that falls to x."""
    return lambda epoch: config["x"] + 1.0 / epoch


def train(controller: Controller, spec: TrialSpec, values=curve, first: int = 1) -> None:
    """Run one attempt to its end, reporting ``values(config)(epoch)``."""
    for epoch in range(first, spec.epochs + 1):
        answer = controller.report(spec.number, spec.attempt, epoch, {"val_loss": values(spec.config)(epoch)})
        if isinstance(answer, Stop):
            break
        assert answer == Continue()
    controller.finish(spec.number, spec.attempt, Returned())


def drain(controller: Controller, values=curve) -> str:
    """Run everything that is handed out, one at a time; returns why it ended."""
    while True:
        answer = controller.ask()
        assert not isinstance(answer, Wait)
        if isinstance(answer, Exhausted):
            return answer.reason
        train(controller, answer[0], values)
