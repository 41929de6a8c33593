"""How many epochs of real training a good model takes: ``python -m benchmarks.search.digits``.

The sweep of search_spaces/cnn.yaml, as it stands, against 60 full trainings of configurations drawn at
random: the epochs, of all trials together, until it has the loss of the best of the 60.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.common import keep_as, table
from sweeps import runner
from sweeps.controller import EpochReported, Event

SPEC = Path(__file__).parents[2] / "search_spaces" / "cnn.yaml"
RANDOM = ["sampler=random", "pruner=none", "early_stopping=null", "enqueue=[]", "budget.trials=60"]
SHARE = 1 / 3  # of the random trainings' epochs, to reach what they did
METRIC = "val_loss"


class Progress:
    """An observer: the best loss so far, after each epoch of any trial."""

    def __init__(self) -> None:
        self.best: list[float] = []

    def __call__(self, event: Event) -> None:
        if isinstance(event, EpochReported):
            self.best.append(min(event.metrics[METRIC], self.best[-1] if self.best else math.inf))

    def epochs_to(self, loss: float) -> int | None:
        """How many epochs until ``loss``; None where it never came to that."""
        return next((epoch for epoch, best in enumerate(self.best, 1) if best <= loss), None)


def sweep(overrides: Sequence[str]) -> Progress:
    progress = Progress()
    with tempfile.TemporaryDirectory() as folder:
        runner.run(SPEC, list(overrides), results=folder, observers=[progress])
    return progress


def compare(seed: int) -> dict[str, Any]:
    """The random trainings of a seed, and the sweep of the same seed, given as many epochs in all."""
    trained = sweep([*RANDOM, f"seed={seed}"])
    epochs, reference = len(trained.best), trained.best[-1]
    ours = sweep(
        ["budget.trials=null", f"budget.epochs={epochs}", f"budget.target={reference}", f"seed={seed}"]
    )
    return {
        "seed": seed,
        "random_epochs": epochs,
        "random_loss": reference,
        "epochs": ours.epochs_to(reference),
    }


def share(found: dict[str, Any]) -> float:
    """Of the random trainings' epochs; infinite where the loss was not reached."""
    taken: int | None = found["epochs"]
    return math.inf if taken is None else taken / found["random_epochs"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--keep", type=Path, default=Path(__file__).with_name("digits.json"))
    given = parser.parse_args()
    found = []
    for seed in range(given.seeds):
        found.append(compare(seed))
        print(found[-1], flush=True)
    median = statistics.median(map(share, found))
    table(
        "epochs until the loss of the best of 60 random full trainings (digits CNN)",
        [("share of their epochs, median of seeds", f"{median:.2f}   bar: {SHARE:.2f}")],
    )
    keep_as(given.keep, {"seeds": found, "share": median})


if __name__ == "__main__":
    main()
