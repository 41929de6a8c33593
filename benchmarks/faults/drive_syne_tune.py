"""Syne Tune: random search on its LocalBackend, resumed by `Tuner.load` where a tuner was saved.

Arguments: FOLDER CHOICES. The tuner is saved every 10 seconds by default; here every second.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path

from syne_tune import StoppingCriterion, Tuner
from syne_tune.backend import LocalBackend
from syne_tune.config_space import choice, uniform
from syne_tune.experiments import load_experiment
from syne_tune.optimizer.baselines import RandomSearch

from benchmarks.faults import toy


def main(folder: Path, choices: list[str]) -> None:
    path = folder / "toy"
    if (path / "tuner.dill").exists():
        tuner = Tuner.load(str(path))
        if os.environ.get("EDITED"):
            tuner.scheduler.config_space["kind"] = choice(choices)
    else:
        space = {"x": uniform(0.0, 1.0), "kind": choice(choices)}
        tuner = Tuner(
            trial_backend=LocalBackend(
                str(Path(__file__).with_name("train_syne_tune.py")), num_gpus_per_trial=0
            ),
            scheduler=RandomSearch(space, metrics=["val_loss"]),
            stop_criterion=StoppingCriterion(
                max_num_trials_started=toy.TRIALS - 1
            ),  # it stops once there are more
            n_workers=toy.WORKERS,
            sleep_time=0.1,
            results_update_interval=1.0,
            tuner_name="toy",
            suffix_tuner_name=False,
            wait_trial_completion_when_stopping=True,
        )
    try:
        tuner.run()
    finally:
        statuses = tuner.tuning_status.last_trial_status_seen if tuner.tuning_status else {}
        results = load_experiment("toy").results
        finished = {number for number, status in statuses.items() if status == "Completed"}
        best = None
        if results is not None and len(results):
            best = float(results[results["trial_id"].isin(finished)]["val_loss"].min())
        toy.tell(dict(Counter(statuses.values())), best, len(statuses))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2].split(","))
