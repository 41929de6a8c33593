"""The same trivial trials on a bare process pool, and on plain Optuna with two processes."""

from __future__ import annotations

import multiprocessing
import time
from pathlib import Path

from benchmarks.overhead import trivial


def pool(trials: int) -> float:
    """Milliseconds a trial of `multiprocessing.Pool`: the floor, with no study at all."""
    with multiprocessing.Pool(2) as workers:
        workers.map(_bare, range(2))
        begun = time.perf_counter()
        for _ in workers.imap_unordered(_bare, range(trials)):
            pass
        return (time.perf_counter() - begun) / trials * 1000


def _bare(number: int) -> float:
    params = {f"p{i}": number * 0.1 for i in range(trivial.PARAMETERS)}
    return min(trivial.loss(params, epoch) for epoch in range(1, trivial.REPORTS + 1))


def optuna_two_processes(trials: int, kind: str, folder: Path) -> float:
    """Milliseconds a trial of two processes that share one study in ``kind`` ("sqlite" or "journal")."""
    _study(kind, folder, create=True)
    context = multiprocessing.get_context("spawn")
    ready, go = context.Barrier(3), context.Barrier(3)
    processes = [
        context.Process(target=_optimize, args=(trials // 2, kind, str(folder), ready, go)) for _ in range(2)
    ]
    for process in processes:
        process.start()
    ready.wait()
    go.wait()
    begun = time.perf_counter()
    for process in processes:
        process.join()
    return (time.perf_counter() - begun) / (trials // 2 * 2) * 1000


def _optimize(trials: int, kind: str, folder: str, ready, go) -> None:
    study = _study(kind, Path(folder), create=False)
    ready.wait()
    go.wait()
    study.optimize(_objective, n_trials=trials)


def _objective(trial) -> float:
    import optuna

    params = {f"p{i}": trial.suggest_float(f"p{i}", 0.0, 1.0) for i in range(trivial.PARAMETERS)}
    for epoch in range(1, trivial.REPORTS + 1):
        value = trivial.loss(params, epoch)
        trial.report(value, epoch)
        if trial.should_prune():
            raise optuna.TrialPruned
    return value


def _study(kind: str, folder: Path, create: bool):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if kind == "sqlite":
        storage = optuna.storages.RDBStorage(f"sqlite:///{folder}/study.db")
    else:
        backend = optuna.storages.journal.JournalFileBackend(str(folder / "study.journal"))
        storage = optuna.storages.JournalStorage(backend)
    sampler, pruner = optuna.samplers.RandomSampler(), optuna.pruners.SuccessiveHalvingPruner()
    if create:
        return optuna.create_study(study_name="s", storage=storage, sampler=sampler, pruner=pruner)
    return optuna.load_study(study_name="s", storage=storage, sampler=sampler, pruner=pruner)
