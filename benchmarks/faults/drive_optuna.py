"""Optuna: `optimize` with two threads on a journal file, or on SQLite; resumed by loading the study.

Arguments: FOLDER CHOICES [KIND]; ``processes`` shares the study between two processes, ``heartbeat`` keeps it
in SQLite with heartbeats and `RetryHeartbeatStaleTrialCallback`.
"""

from __future__ import annotations

import multiprocessing
import sys
from collections import Counter
from pathlib import Path

import optuna
from optuna.storages import JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import MaxTrialsCallback

from benchmarks.faults import toy


def storage(folder: Path, kind: str):
    if kind == "heartbeat":
        retry = optuna.storages.RetryHeartbeatStaleTrialCallback(max_retry=1)
        url = f"sqlite:///{folder}/study.db"
        return RDBStorage(url, heartbeat_interval=1, grace_period=2, heartbeat_stale_trial_callback=retry)
    return JournalStorage(JournalFileBackend(str(folder / "study.journal")))


def study(folder: Path, kind: str) -> optuna.Study:
    return optuna.create_study(
        study_name="toy",
        storage=storage(folder, kind),
        load_if_exists=True,
        direction="minimize",
        sampler=optuna.samplers.RandomSampler(),
    )


def optimize(folder: Path, choices: list[str], kind: str, threads: int) -> None:
    def objective(trial: optuna.Trial) -> float:
        x = trial.suggest_float("x", 0.0, 1.0)
        trial.suggest_categorical("kind", choices)
        loss = float("inf")
        for epoch, loss in toy.losses(x):
            trial.report(loss, epoch)
        return loss

    study(folder, kind).optimize(
        objective,
        n_trials=toy.TRIALS,
        n_jobs=threads,
        callbacks=[MaxTrialsCallback(toy.TRIALS)],
    )


def main(folder: Path, choices: list[str], kind: str) -> None:
    study(folder, kind)
    try:
        if kind == "processes":
            workers = [
                multiprocessing.Process(target=optimize, args=(folder, choices, kind, 1)) for _ in range(2)
            ]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
        else:
            optimize(folder, choices, kind, toy.WORKERS)
    finally:
        found = study(folder, kind)
        states = Counter(trial.state.name for trial in found.trials)
        best = found.best_value if states["COMPLETE"] else None
        toy.tell(dict(states), best, len(found.trials))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2].split(","), sys.argv[3] if len(sys.argv) > 3 else "journal")
