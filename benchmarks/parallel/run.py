"""How much faster two warm workers are than one, on real training.

The same digits CNN sweep, every trial of the same cost and none pruned, runs on one worker and on two, in
turns. Start-up is left out: a worker's clock starts when its first trial has ended.
"""

from __future__ import annotations

import statistics
import tempfile
from collections import defaultdict
from pathlib import Path

from benchmarks.common import keep, table
from sweeps import runner
from sweeps.controller import Event, TrialEnded

SPEC = """
version: 1
name: parallel
train: trainer:train
epochs: 14
fixed: {data: digits, model: cnn, channels: 48, depth: 3, batch_size: 32, optimizer: adamw}
parameters:
  lr: {min: 1e-4, max: 1e-2, log: true}
pruner: none
budget: {trials: 20}
"""
PAIRS = 3


class Ends:
    """When each worker's trials ended, and how long they took."""

    def __init__(self) -> None:
        self.times: dict[str, list[float]] = defaultdict(list)
        self.seconds: list[float] = []

    def __call__(self, event: Event) -> None:
        if isinstance(event, TrialEnded):
            assert event.record.state == "COMPLETE", event.record.error
            self.times[event.record.worker].append(event.time)
            self.seconds.append(event.record.seconds)


def measure(workers: int) -> tuple[float, float]:
    """(trials a second once warm, seconds of a median trial)."""
    ends = Ends()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "parallel.yaml"
        path.write_text(SPEC)
        runner.run(path, [f"workers={workers}"], results=folder, observers=[ends])
    assert len(ends.times) == workers
    rate = sum((len(times) - 1) / (times[-1] - times[0]) for times in ends.times.values())
    return rate, statistics.median(ends.seconds)


def main() -> None:
    pairs = []
    for _ in range(PAIRS):
        one, seconds = measure(1)
        two, _ = measure(2)
        pairs.append({"one": one, "two": two, "ratio": two / one, "trial_seconds_alone": seconds})
        print(f"one worker {one:.3f} trials/s, two {two:.3f}: {two / one:.2f}x", flush=True)
    ratio = statistics.median(pair["ratio"] for pair in pairs)
    shortest = min(pair["trial_seconds_alone"] for pair in pairs)
    table(
        "two warm workers against one (digits CNN, one thread a worker)",
        [
            ("trials a second, ratio (median of pairs)", f"{ratio:.2f}x   bar: 1.70x"),
            ("a trial alone takes", f"{shortest:.2f} s   bar: at least 1 s"),
        ],
    )
    keep(__file__, {"pairs": pairs, "ratio": ratio})


if __name__ == "__main__":
    main()
