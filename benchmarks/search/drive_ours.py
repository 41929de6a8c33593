"""sweeps itself: a real sweep on ``engine: simulated``, its results in a temporary folder."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.search.clock import Outcome, Tally
from benchmarks.search.problems import METRIC, Problem, problem
from sweeps import Curve, runner
from sweeps.controller import EpochReported, Event, Observer, SweepStarted, TrialStarted
from sweeps.runner import parts

HERE = Path(__file__)


def train(trial) -> None:
    """What a sweep must name; the simulated engine does not call it."""


def curves() -> Callable[[dict[str, Any], int, int], Curve]:
    """What the simulated engine calls: the curve of the problem that ``fixed`` names."""

    def curve(config: dict[str, Any], seed: int, epochs: int) -> Curve:
        return Curve(*problem(config["problem"]).curve(config, seed, epochs))

    return curve


def spec(name: str, searched: Problem, workers: int, seed: int, budget: float) -> dict[str, Any]:
    """A sweep's YAML. ``name``: SAMPLER+PRUNER, each as in a YAML; one word stands for both."""
    sampler, _, pruner = name.partition("+")
    return {
        "version": 1,
        "name": "search",
        "train": f"{HERE}:train",
        "curves": f"{HERE}:curves",
        "engine": "simulated",
        "metric": {"name": METRIC, "goal": "minimize"},
        "epochs": searched.epochs,
        "fixed": {"problem": searched.name},
        "parameters": searched.space,
        "sampler": _component(sampler),
        "pruner": _component(pruner or sampler),
        "budget": {"wall": budget},
        "workers": workers,
        "seed": seed,
    }


def _component(text: str) -> Any:
    """``tpe``, or with options: ``tpe(multivariate=true)``."""
    name, _, options = text.rstrip(")").partition("(")
    if not options:
        return name
    pairs = (option.split("=") for option in options.split(";"))
    return {"name": name, **{key.strip(): json.loads(value) for key, value in pairs}}


class Stopwatch:
    """The real time that an object's methods take, as they are called through it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def watch(self, watched: object, *methods: str) -> None:
        for name in methods:
            if hasattr(watched, name):
                setattr(watched, name, self._timed(getattr(watched, name)))

    def _timed(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **kwargs: Any) -> Any:
            begun = time.perf_counter()
            try:
                return method(*args, **kwargs)
            finally:
                self.seconds += time.perf_counter() - begun

        return timed


class Watch:
    """An observer that tallies every epoch, in simulated seconds since the start."""

    def __init__(self, budget: float) -> None:
        self.tally = Tally(budget)
        self.trials = 0
        self._begun = 0.0

    def __call__(self, event: Event) -> None:
        if isinstance(event, SweepStarted):
            self._begun = event.time
        elif isinstance(event, TrialStarted):
            self.trials += 1
        elif isinstance(event, EpochReported):
            self.tally.report(event.time - self._begun, event.metrics[METRIC])


def run(
    name: str,
    searched: Problem,
    workers: int,
    seed: int,
    budget: float,
    observers: Sequence[Observer] = (),
    warm_start: Sequence[Path] = (),
    results: Path | None = None,
) -> Outcome:
    """One sweep, from its YAML to its tables; ``observers`` are told of its events too. It learns from the
    folders ``warm_start``, and stays in the folder ``results``/search, if that is given.
    """
    sampling, deciding, watch = Stopwatch(), Stopwatch(), Watch(budget)
    build = parts.build_search

    def build_watched(*args: Any, **kwargs: Any) -> Any:
        sampler, pruner = build(*args, **kwargs)
        sampling.watch(sampler, "suggest", "observe")
        deciding.watch(pruner, "report", "ended")
        return sampler, pruner

    parts.build_search = build_watched
    try:
        with tempfile.TemporaryDirectory(prefix="search.") as folder:
            path = Path(folder) / "search.yaml"
            written = spec(name, searched, workers, seed, budget)
            if warm_start:
                written["warm_start"] = list(map(str, warm_start))
            path.write_text(json.dumps(written))
            runner.run(path, results=results or folder, observers=[watch, *observers])
    finally:
        parts.build_search = build
    return watch.tally.outcome(watch.trials, sampling.seconds, deciding.seconds)
