"""What a trial costs when it trains nothing: 7 parameters, 10 reports, 2 workers, the journal on disk.

Ours is timed from the end of the first trial to the end of the sweep, its tables written: start-up is left
out, and nothing else is. The peers run the same trials in the same minute.

On Ray the first result is compared as well, from the start of the process (see `benchmarks.overhead.tune`).
What a report costs by itself stands in `benchmarks.overhead.pruners`, a proposal in
`benchmarks.overhead.samplers`.

``python -m benchmarks.overhead.run [PART ...]`` measures ``local``, ``ray``, ``pruners`` and ``samplers``, or
those named, and leaves the others' results as they are.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.common import keep_parts, table
from benchmarks.overhead import peers, pruners, samplers
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


RAY_TRIALS = 100
ROUNDS = 3  # of short runs that are compared by their first result: start-up is what varies most


def on_ray(kind: str, trials: int) -> dict[str, float]:
    """``first`` (seconds) and ``each`` (milliseconds) of one process that runs ``kind`` on Ray."""
    command = [sys.executable, "-m", "benchmarks.overhead.tune", kind, str(trials)]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return json.loads(out.splitlines()[-1])


def first_results() -> dict[str, float]:
    """The median first result of each kind, in seconds, measured in turns."""
    kinds = ("function", "ours_asha")
    firsts = [{kind: on_ray(kind, 4)["first"] for kind in kinds} for _ in range(ROUNDS)]
    return {kind: statistics.median(first[kind] for first in firsts) for kind in kinds}


def compare_on_ray() -> dict[str, dict[str, float]]:
    """The same 100 trivial trials on Ray, by us and by plain Tune."""
    each = {kind: on_ray(kind, RAY_TRIALS)["each"] for kind in ("function", "bare", "ours", "ours_asha")}
    first = first_results()
    rows = [
        ("plain Tune: function, OptunaSearch, ASHA", f"{each['function']:.0f} ms"),
        ("plain Tune: reused class, nothing attached", f"{each['bare']:.1f} ms"),
        (
            "ours, no pruner",
            f"{each['ours']:.1f} ms   {each['ours'] / each['bare']:.2f}x the bare class; bar: 3x",
        ),
        (
            "ours, asha",
            f"{each['ours_asha']:.1f} ms   1/{each['function'] / each['ours_asha']:.0f} of plain; bar: 1/10",
        ),
        ("first result, plain Tune", f"{first['function']:.2f} s"),
        (
            "first result, ours",
            f"{first['ours_asha']:.2f} s   {first['ours_asha'] / first['function']:.2f}x; bar: 1.05x",
        ),
    ]
    table(f"milliseconds a trial on Ray, {RAY_TRIALS} trials, 2 actors", rows)
    return {"each_ms": each, "first_s": first}


def compare_locally() -> dict[str, float]:
    """Milliseconds a trial of the local engine, of its peers and of the floor."""
    result = {
        "pool": peers.pool(1000),
        "ours_1000_asha": ours(1000, "{name: asha}"),
        "ours_10000_asha": ours(10_000, "{name: asha}"),
        "ours_1000": ours(1000, "none"),
        "ours_10000": ours(10_000, "none"),
        "optuna_journal": optuna("journal", 300),
        "optuna_sqlite": optuna("sqlite", 200),
    }
    rows = [
        ("bare multiprocessing.Pool", f"{result['pool']:.2f} ms"),
        ("ours, 1,000 trials, asha", f"{result['ours_1000_asha']:.2f} ms   bar: 3 ms"),
        ("ours, 10,000 trials, asha", _growth(result, "_asha")),
        ("ours, 1,000 trials, no pruner", f"{result['ours_1000']:.2f} ms"),
        ("ours, 10,000 trials, no pruner", _growth(result, "")),
        ("Optuna, 2 processes on its journal file", f"{result['optuna_journal']:.2f} ms"),
        ("Optuna, 2 processes on SQLite", f"{result['optuna_sqlite']:.2f} ms"),
    ]
    table("milliseconds a trivial trial (10 reports), beyond start-up", rows)
    return result


def _growth(result: dict[str, float], pruner: str) -> str:
    many = result[f"ours_10000{pruner}"]
    return f"{many:.2f} ms   {many / result[f'ours_1000{pruner}']:.2f}x   bar: 1.5x"


PARTS = {
    "local": compare_locally,
    "ray": compare_on_ray,
    "pruners": pruners.compare,
    "samplers": samplers.compare,
}


def main(names: list[str]) -> None:
    for name in names or PARTS:
        keep_parts(__file__, {name: PARTS[name]()})


if __name__ == "__main__":
    main(sys.argv[1:])
