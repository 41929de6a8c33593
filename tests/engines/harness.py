"""A sweep of one of the functions in functions.py: the real controller and study, in a folder."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from sweeps.controller import Controller, Event
from sweeps.engines import Engine, EngineSettings
from sweeps.paths import RunPaths
from sweeps.runner.checks import engine_settings
from sweeps.runner.search import build_search
from sweeps.spec import SweepSpec, load_spec
from sweeps.study import RunLock, StudyStore, TrialRecord, read_records
from sweeps.trial.handover import HandOver, link_checkpoint

HERE = Path(__file__).parent
MARK = "SWEEPS_TEST_MARK"  # in the environment of everything a test starts


class Sweep:
    """One sweep in ``folder``; ``run`` may be called again to resume it."""

    def __init__(self, folder: Path, function: str, **keys: Any) -> None:
        base = {
            "version": 1,
            "name": "toy",
            "train": function if ":" in function else f"functions:{function}",
            "epochs": 4,
            "parameters": {"x": {"min": 0.1, "max": 1.0}},
            "budget": {"trials": 3},
            "sampler": "random",  # at once: what is tested is the engine
            "pruner": "none",
        }
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "toy.yaml").write_text(yaml.safe_dump(base | keys))
        self.folder = folder
        self.spec: SweepSpec = load_spec(folder / "toy.yaml")
        self.paths = RunPaths(folder / "results")
        self.paths.trials.mkdir(parents=True, exist_ok=True)

    @property
    def settings(self) -> EngineSettings:
        return replace(engine_settings(self.spec, (self.folder, HERE)), gpus=0)

    def run(
        self,
        engine: Engine,
        watch: Callable[[Controller, Event], None] = lambda controller, event: None,
        hand_over: HandOver = link_checkpoint,
    ) -> list[TrialRecord]:
        """Run it to its end; ``watch`` sees every event. Returns what stands in the study afterwards."""
        spec = self.spec
        with RunLock(self.paths.lock):
            store = StudyStore.open(self.paths, spec.name, spec.metric.goal)
            search = build_search(spec, store, engine.workers)
            observers = [lambda event: watch(controller, event)]
            clock = engine.clock(store.elapsed)
            controller = Controller(
                spec, self.paths, store, *search, observers, clock=clock, hand_over=hand_over
            )
            controller.start(engine.workers, engine.gpus)
            try:
                engine.run(controller)
                controller.close()
            finally:
                store.close()
        return self.records()

    def records(self) -> list[TrialRecord]:
        return read_records(self.paths, self.spec.name, self.spec.metric.goal)

    def log(self, number: int) -> str:
        return self.paths.trial(number).log.read_text()

    def metrics(self, number: int) -> list[Mapping[str, Any]]:
        return [json.loads(line) for line in self.paths.trial(number).metrics.read_text().splitlines()]


def states(records: list[TrialRecord]) -> list[tuple[str, str | None]]:
    return [(record.state, record.stop_reason) for record in records]


def survivors(mark: str, seconds: float = 1.0) -> dict[int, str]:
    """What lives with ``mark`` after at most ``seconds``: a supervisor exits just after its last word."""
    deadline = time.monotonic() + seconds
    while (alive := marked_processes(mark)) and time.monotonic() < deadline:
        time.sleep(0.01)
    return alive


def marked_processes(mark: str) -> dict[int, str]:
    """Every living process with ``mark`` in its environment, and its command line."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes()
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()[:200]
        except OSError:
            continue
        if f"{MARK}={mark}".encode() in environment and state != "Z" and int(folder.name) != os.getpid():
            found[int(folder.name)] = command
    return found
