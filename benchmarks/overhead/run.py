"""What a trial costs when it trains nothing: 7 parameters, 10 reports, 2 workers, the journal on disk.

Ours is timed from the end of the first trial to the end of the sweep, its tables written: start-up is left
out, and nothing else is. The peers run the same trials in the same minute.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benchmarks.common import keep, table
from benchmarks.overhead import peers
from sweeps import runner
from sweeps.controller import Event, TrialEnded

SPEC = f"""
version: 1
name: overhead
train: {Path(__file__).with_name("trivial.py")}:train
epochs: 10
parameters:
{"".join(f"  p{i}: {{min: 0.0, max: 1.0}}" + chr(10) for i in range(7))}
sampler: random
workers: 2
budget: {{trials: 1000}}
"""


class FirstEnd:
    """The moment the first trial ended."""

    def __init__(self) -> None:
        self.at: float | None = None

    def __call__(self, event: Event) -> None:
        if self.at is None and isinstance(event, TrialEnded):
            self.at = time.perf_counter()


def ours(trials: int, pruner: str) -> float:
    """Milliseconds a trial beyond start-up."""
    first = FirstEnd()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "overhead.yaml"
        path.write_text(SPEC)
        overrides = [f"budget.trials={trials}", f"pruner={pruner}"]
        outcome = runner.run(path, overrides, results=folder, observers=[first])
        ended = time.perf_counter()
    assert sum(outcome.states.values()) == trials and not outcome.states.get("FAILED")
    assert first.at is not None
    return (ended - first.at) / (trials - 1) * 1000


def optuna(kind: str, trials: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        return peers.optuna_two_processes(trials, kind, Path(folder))


def main() -> None:
    result = {
        "pool": peers.pool(1000),
        "ours_1000_asha": ours(1000, "{name: asha}"),
        "ours_1000": ours(1000, "none"),
        "ours_10000": ours(10_000, "none"),
        "optuna_journal": optuna("journal", 300),
        "optuna_sqlite": optuna("sqlite", 200),
    }
    growth = result["ours_10000"] / result["ours_1000"]
    rows = [
        ("bare multiprocessing.Pool", f"{result['pool']:.2f} ms"),
        ("ours, 1,000 trials, asha", f"{result['ours_1000_asha']:.2f} ms   bar: 3 ms"),
        ("ours, 1,000 trials, no pruner", f"{result['ours_1000']:.2f} ms"),
        ("ours, 10,000 trials, no pruner", f"{result['ours_10000']:.2f} ms   {growth:.2f}x   bar: 1.5x"),
        ("Optuna, 2 processes on its journal file", f"{result['optuna_journal']:.2f} ms"),
        ("Optuna, 2 processes on SQLite", f"{result['optuna_sqlite']:.2f} ms"),
    ]
    table("milliseconds a trivial trial (10 reports), beyond start-up", rows)
    keep(__file__, result)


if __name__ == "__main__":
    main()
