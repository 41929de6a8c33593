"""What proposing a configuration costs after n finished trials, on one core: ours by a model, and Optuna's.

The finished trials are a sweep's: of 50 epochs each has reported 50, 16, 5 or 1, as a halving pruner leaves
them. Ours is told of a new trial and its first report between two proposals, so that it never proposes twice
from the same state; its decision on a report that it looks at is timed besides. Optuna's samplers know each
trial by its end only, and their study is in memory, which is where it is fastest. Nothing here waits for
anything, so processor time is measured.
"""

from __future__ import annotations

import random
import statistics
import time
from typing import Any

from benchmarks.common import table

EPOCHS = 50
DIMENSIONS = 7
SIZES = (100, 1000, 10_000)
ASKS = 15
BARS = {100: 50.0, 10_000: 80.0}  # milliseconds a configuration, the median


def params(number: int) -> dict[str, float]:
    rng = random.Random(number)
    return {f"p{i}": rng.random() for i in range(DIMENSIONS)}


def loss(given: dict[str, float], epoch: int) -> float:
    return 0.1 + sum((value - 0.3) ** 2 for value in given.values()) + 1 / epoch


def finished(number: int):
    from sweeps.study import TrialRecord

    length = (50, 16, 16, 5, 5, 5, *[1] * 12)[number % 18]
    record = TrialRecord(number, params(number), state="COMPLETE" if length == EPOCHS else "PRUNED")
    for epoch in range(1, length + 1):
        record.observe(epoch, loss(record.params, epoch), "minimize")
    return record


def ours(trials: int) -> tuple[float, float]:
    """Median milliseconds of a proposal, and mean of a report with its decision."""
    from sweeps.pruners.multifidelity import MultiFidelityPruner
    from sweeps.samplers import Draw
    from sweeps.samplers.multifidelity import MultiFidelitySampler
    from sweeps.space import Float, Parameter, Space
    from sweeps.study import TrialRecord
    from sweeps.surrogate import CurveModel

    space = Space(tuple(Parameter(f"p{i}", Float(0.0, 1.0)) for i in range(DIMENSIONS)))
    model = CurveModel(space, "minimize", EPOCHS)
    records = [finished(number) for number in range(trials)]
    sampler = MultiFidelitySampler(space=space, seed=0, model=model, exploration=0.0)
    pruner = MultiFidelityPruner(model=model, records=records, epochs=EPOCHS, chance=0.0)
    for record in records:
        sampler.observe(record)
    asks: list[float] = []
    reports: list[float] = []
    for number in range(trials, trials + ASKS):
        begun = time.process_time()
        proposal = sampler.suggest(Draw(number))
        asks.append(time.process_time() - begun)
        record = TrialRecord(number, dict(proposal.params))
        records.append(record)
        sampler.observe(record)
        for epoch in range(1, EPOCHS):
            record.observe(epoch, loss(record.params, epoch), "minimize")
            begun = time.process_time()
            pruner.report(number, epoch, record.value or 0.0)
            sampler.observe(record)
            reports.append(time.process_time() - begun)
    return statistics.median(asks) * 1000, statistics.fmean(reports) * 1000


def optunas(kind: str, trials: int) -> float | None:
    """Median milliseconds of a proposal; None where one alone would take minutes."""
    import optuna

    if kind == "GP" and trials > 1000:
        return None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    samplers = {"TPE": optuna.samplers.TPESampler, "GP": optuna.samplers.GPSampler}
    study = optuna.create_study(sampler=samplers[kind](seed=0))
    kinds = {name: optuna.distributions.FloatDistribution(0.0, 1.0) for name in params(0)}
    study.add_trials(
        [
            optuna.trial.create_trial(
                params=params(number), distributions=kinds, value=loss(params(number), EPOCHS)
            )
            for number in range(trials)
        ]
    )
    asks = []
    for _ in range(5 if kind == "TPE" else 2):
        begun = time.process_time()
        trial = study.ask(kinds)
        asks.append(time.process_time() - begun)
        study.tell(trial, 1.0)
    return statistics.median(asks) * 1000


def compare() -> dict[str, Any]:
    """Milliseconds a proposal, and a report with its decision, by number of finished trials."""
    measured = {trials: ours(trials) for trials in SIZES}
    result: dict[str, Any] = {
        "multifidelity_ms": {trials: ask for trials, (ask, _) in measured.items()},
        "report_ms": {trials: report for trials, (_, report) in measured.items()},
        **{f"optuna_{kind.lower()}_ms": {n: optunas(kind, n) for n in SIZES} for kind in ("TPE", "GP")},
    }
    rows = [(name, "".join(_shown(by_size[n]) for n in SIZES)) for name, by_size in result.items()]
    bars = ", ".join(f"{bar:.0f} ms at {n:,}" for n, bar in BARS.items())
    title = f"milliseconds a proposal after n finished trials, {DIMENSIONS} parameters"
    table(
        f"{title}; bars: {bars}, a report 0.2 ms",
        [("n", "".join(f"{n:>12,}" for n in SIZES)), *rows],
    )
    return result


def _shown(value: float | None) -> str:
    return f"{'-':>12}" if value is None else f"{value:12.2f}"


if __name__ == "__main__":
    compare()
