"""Ray Tune: a function trainable with checkpoints, resumed by `Tuner.restore` where `can_restore` says so.

Arguments: FOLDER CHOICES. A trial that fails is retried once, as sweeps does after a crash.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections import Counter
from pathlib import Path

import ray
from ray import tune

from benchmarks.faults import toy


def train(config):
    checkpoint = tune.get_checkpoint()
    done = 0
    if checkpoint:
        with checkpoint.as_directory() as folder:
            done = json.loads((Path(folder) / "state.json").read_text())["epoch"]
    for epoch, loss in toy.losses(config["x"], done + 1):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "state.json").write_text(json.dumps({"epoch": epoch}))
            tune.report({"val_loss": loss}, checkpoint=tune.Checkpoint.from_directory(folder))


def main(folder: Path, choices: list[str]) -> None:
    ray.init(
        address="local",
        num_cpus=toy.WORKERS,
        include_dashboard=False,
        object_store_memory=80 * 2**20,
        log_to_driver=False,
    )
    trainable = tune.with_resources(train, {"cpu": 1})
    space = {"x": tune.uniform(0.0, 1.0), "kind": tune.choice(choices)}
    path = folder / "toy"
    retry = os.environ.get("FAULT", "").startswith("kill")
    if tune.Tuner.can_restore(str(path)):
        changed = {"param_space": space} if os.environ.get("EDITED") else {}
        tuner = tune.Tuner.restore(str(path), trainable, resume_errored=True, **changed)
    else:
        tuner = tune.Tuner(
            trainable,
            param_space=space,
            tune_config=tune.TuneConfig(
                metric="val_loss", mode="min", num_samples=toy.TRIALS, max_concurrent_trials=toy.WORKERS
            ),
            run_config=tune.RunConfig(
                name="toy",
                storage_path=str(folder),
                verbose=0,
                failure_config=tune.FailureConfig(max_failures=1 if retry else 0),
            ),
        )
    grid = tuner.fit()
    states = Counter("ERROR" if result.error else "TERMINATED" for result in grid)
    try:
        best = (grid.get_best_result().metrics or {}).get("val_loss")
    except RuntimeError:
        best = None
    toy.tell(dict(states), best, len(grid))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2].split(","))
