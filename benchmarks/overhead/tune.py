"""Plain Ray Tune on the trivial trials: ``python -m benchmarks.overhead.tune KIND TRIALS`` prints JSON.

Each kind runs in a process of its own, so that start-up can be compared: ``first`` counts from the start of
the process to the first result at the driver, ``each`` are the milliseconds a trial after the first one.

    function   what a user of Tune writes: a function, Tune's defaults, its OptunaSearch and ASHA
    bare       the least Tune can do: a reused class trainable, no search, no scheduler, no loggers
    ours       the ray engine, with random search and without a pruner
    ours_asha  the same with asha
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.overhead import trivial

ACTORS = 2


class Clock:
    """The first result and the ends of trials, seen by the driver."""

    def __init__(self) -> None:
        self.first: float | None = None
        self.ends: list[float] = []

    def result(self) -> None:
        self.first = self.first or time.time()

    def end(self) -> None:
        self.ends.append(time.time())

    def numbers(self, trials: int) -> dict[str, float]:
        assert len(self.ends) == trials and self.first is not None
        each = (self.ends[-1] - self.ends[0]) / (trials - 1) * 1000
        return {"first": self.first - _process_start(), "each": each}


def _process_start() -> float:
    import psutil

    return psutil.Process().create_time()


def _watching(clock: Clock):
    from ray import tune

    class Watch(tune.Callback):
        def on_trial_result(self, iteration, trials, trial, result, **info):
            clock.result()

        def on_trial_complete(self, iteration, trials, trial, **info):
            clock.end()

    return Watch()


def _start_ray() -> None:
    import ray

    ray.init(num_cpus=ACTORS, include_dashboard=False, log_to_driver=False, logging_level="ERROR")


def function(trials: int, folder: str) -> Clock:
    from ray import tune
    from ray.tune.schedulers import ASHAScheduler
    from ray.tune.search.optuna import OptunaSearch

    def train(config):
        for epoch in range(1, trivial.REPORTS + 1):
            tune.report({"val_loss": trivial.loss(config, epoch)})

    _start_ray()
    clock = Clock()
    config = tune.TuneConfig(
        metric="val_loss",
        mode="min",
        num_samples=trials,
        max_concurrent_trials=ACTORS,
        search_alg=OptunaSearch(),
        scheduler=ASHAScheduler(max_t=trivial.REPORTS),
    )
    _fit(train, config, clock, folder)
    return clock


def bare(trials: int, folder: str) -> Clock:
    os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"
    os.environ["TUNE_MAX_PENDING_TRIALS_PG"] = str(ACTORS)
    from ray import tune

    class Trivial(tune.Trainable):
        def setup(self, config):
            self.epoch = 0

        def step(self):
            self.epoch += 1
            loss = trivial.loss(self.config, self.epoch)
            return {"val_loss": loss, "done": self.epoch == trivial.REPORTS}

        def reset_config(self, new_config):
            self.epoch = 0
            return True

    _start_ray()
    clock = Clock()
    config = tune.TuneConfig(num_samples=trials, max_concurrent_trials=ACTORS, reuse_actors=True)
    _fit(Trivial, config, clock, folder)
    return clock


def _fit(trainable, config, clock: Clock, folder: str) -> None:
    from ray import tune

    space = {f"p{i}": tune.uniform(0.0, 1.0) for i in range(trivial.PARAMETERS)}
    run = tune.RunConfig(
        name="plain",
        storage_path=folder,
        verbose=0,
        callbacks=[_watching(clock)],
        checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False)
        if isinstance(trainable, type)
        else None,
    )
    resources = tune.with_resources(trainable, {"cpu": 1})
    tune.Tuner(resources, param_space=space, tune_config=config, run_config=run).fit()


def ours(trials: int, folder: str, pruner: str = "none") -> Clock:
    from benchmarks.overhead.run import SPEC
    from sweeps import runner
    from sweeps.controller import EpochReported, TrialEnded

    clock = Clock()

    def watch(event) -> None:
        if isinstance(event, EpochReported):
            clock.result()
        elif isinstance(event, TrialEnded):
            clock.end()

    path = Path(folder) / "overhead.yaml"
    path.write_text(SPEC)
    overrides = [f"budget.trials={trials}", f"pruner={pruner}", "engine=ray", "resources.gpus=0"]
    runner.run(path, overrides, results=folder, observers=[watch])
    return clock


def ours_asha(trials: int, folder: str) -> Clock:
    return ours(trials, folder, "{name: asha}")


def main(kind: str, trials: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        clock = globals()[kind](trials, folder)
        print(json.dumps(clock.numbers(trials)))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
