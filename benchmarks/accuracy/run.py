"""What tuned winners score on test splits: the four bundled data sets, five splits each.

Every split gets a sweep of its own, from the ready-made space, which sees that split's training and
validation rows only; its winner is tested once. The figure is the mean over the splits, whatever they are.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any

import sweeps
from benchmarks.common import keep, table

SPACES = Path(__file__).resolve().parents[2] / "search_spaces"
SPLITS = range(5)
# data set -> (space, its changes, metric, bar)
SETS: dict[str, tuple[str, dict[str, Any], str, float]] = {
    "digits": ("cnn", {}, "accuracy", 0.98),
    "breast_cancer": ("logistic", {}, "accuracy", 0.95),
    "wine": ("mlp", {"fixed.data": "wine"}, "accuracy", 0.95),
    "diabetes": ("regression", {}, "r2", 0.42),
}


def score(data: str, split: int) -> float:
    """The winner's figure on the test split."""
    space, changes, metric, _ = SETS[data]
    with tempfile.TemporaryDirectory() as folder:
        results = sweeps.run(
            SPACES / f"{space}.yaml", set={**changes, "fixed.split_seed": split}, results=folder
        )
        return float(results.best.test[metric])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="*", default=list(SETS))
    options = parser.parse_args()
    result, rows = {}, []
    for data in options.data:
        _, _, metric, bar = SETS[data]
        scores = [score(data, split) for split in SPLITS]
        mean = statistics.mean(scores)
        result[data] = {"metric": metric, "mean": mean, "splits": scores}
        span = ", ".join(f"{value:.3f}" for value in scores)
        rows.append((f"{data}, {metric}", f"{mean:.4f}   bar: {bar}   splits: {span}"))
        print(*rows[-1], flush=True)
    table("tuned winners on their test splits, mean over five splits", rows)
    if options.data == list(SETS):
        keep(__file__, result)


if __name__ == "__main__":
    main()
