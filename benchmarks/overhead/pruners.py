"""What a report with its decision costs after n finished trials of 50 epochs, ours and Optuna's own.

The finished trials are all COMPLETE, which is the most there can be to compare with: they stand on every rung
and at every epoch. Optuna's are in its memory, which is where it is fastest. Our pruners are also told each
trial's end, and that is counted in: a trial of 50 epochs costs 49 reports and one end. Nothing here waits for
anything, so processor time is measured, and what else runs on the machine matters little.
"""

from __future__ import annotations

import random
import time
import tracemalloc
from typing import Any

from benchmarks.common import table

EPOCHS = 50
SIZES = (100, 1000, 10_000)
TRIALS = 40  # of ours that are timed
REPORTS = 20  # of Optuna's
BAR = 0.2  # milliseconds
NAMES = {
    "asha": {},
    "median": {},
    "percentile": {"percentile": 25.0},
    "hyperband": {},
}


def curve(number: int) -> dict[int, float]:
    """Falls, with noise, so that a trial's best is not always its latest."""
    rng = random.Random(number)
    level = rng.random()
    return {epoch: level + 1 / epoch + rng.gauss(0, 0.02) for epoch in range(1, EPOCHS + 1)}


def finished(number: int):
    from sweeps.study import TrialRecord

    record = TrialRecord(number, {}, state="COMPLETE")
    for epoch, value in curve(number).items():
        record.observe(epoch, value, "minimize")
    return record


def ours(name: str, trials: int) -> tuple[float, float]:
    """(milliseconds a report, bytes a finished trial)."""
    from sweeps.pruners import make_pruner

    records = [finished(number) for number in range(trials + TRIALS)]
    tracemalloc.start()
    pruner = make_pruner(name, NAMES[name], goal="minimize", epochs=EPOCHS, parts={"study": "s"})
    pruner.replay(records[:trials])
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    begun = time.process_time()
    for record in records[trials:]:
        best = float("inf")
        for epoch in range(1, EPOCHS):
            best = min(best, record.values[epoch])
            pruner.report(record.number, epoch, best)
        pruner.ended(record)
    return (time.process_time() - begun) / (TRIALS * (EPOCHS - 1)) * 1000, held / trials


def optunas(trials: int) -> dict[str, float]:
    """Milliseconds a report with `should_prune` of each of Optuna's pruners."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    pruners = {
        "asha": optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3),
        "median": optuna.pruners.MedianPruner(),
        "percentile": optuna.pruners.PercentilePruner(25.0),
        "hyperband": optuna.pruners.HyperbandPruner(max_resource=EPOCHS),
    }
    storage = optuna.storages.InMemoryStorage()
    optuna.create_study(study_name="s", storage=storage).add_trials(
        [_finished(number) for number in range(trials)]
    )
    return {name: _timed(storage, pruner) for name, pruner in pruners.items()}


def _finished(number: int):
    import optuna

    values = curve(number)
    rungs = {f"completed_rung_{k}": min(list(values.values())[: 3**k]) for k in range(4)}
    return optuna.trial.create_trial(
        value=min(values.values()), intermediate_values=values, system_attrs=rungs
    )


def _timed(storage, pruner) -> float:
    import optuna

    study = optuna.load_study(study_name="s", storage=storage, pruner=pruner)
    trial = study.ask()
    values = curve(trial.number)
    begun = time.process_time()
    for epoch in range(1, REPORTS + 1):
        trial.report(values[epoch], epoch)
        trial.should_prune()
    each = (time.process_time() - begun) / REPORTS * 1000
    study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    return each


def compare() -> dict[str, Any]:
    """Milliseconds a report, by pruner and number of finished trials, and bytes a trial."""
    peers = {trials: optunas(trials) for trials in SIZES}
    result: dict[str, Any] = {}
    rows = []
    for name in NAMES:
        measured = {trials: ours(name, trials) for trials in SIZES}
        bytes_a_trial = measured[SIZES[-1]][1]
        mine = {trials: each for trials, (each, _) in measured.items()}
        optuna = {trials: peers[trials][name] for trials in SIZES}
        result[name] = {"ours_ms": mine, "optuna_ms": optuna, "bytes_a_trial": round(bytes_a_trial)}
        rows.append((name, f"{_listed(mine)}    {_listed(optuna)}    {bytes_a_trial:6.0f} bytes a trial"))
    sizes = "".join(f"{trials:>10,}" for trials in SIZES)
    table(
        f"milliseconds a report with its decision after n finished trials of {EPOCHS} epochs; bar: {BAR}",
        [("n", f"{sizes}    {sizes}"), ("", f"{'ours':>30}    {'Optuna':>30}"), *rows],
    )
    return result


def _listed(by_size: dict[int, float]) -> str:
    return "".join(f"{by_size[trials]:10.4f}" for trials in SIZES)


if __name__ == "__main__":
    compare()
