"""What the trainer's loop costs beyond a hand-written one, and a DataLoader beyond rows kept in memory.

Ours and the peer take turns in one process; the figure is the median of the rounds' ratios. Ours measures
all of its metrics on both splits every epoch; the hand-written loop only loss and accuracy. The trainer's
dropout is faster than torch's on a CPU, so the hand-written loop is timed with either.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
from collections.abc import Callable
from typing import Any

import torch

from benchmarks.common import keep, table
from benchmarks.training.bare import bare, ours

MODELS: dict[str, dict[str, Any]] = {
    "mlp": {"model": "mlp", "schedule": "constant"},
    "cnn": {"model": "cnn", "schedule": "constant"},
}
EPOCHS = {"mlp": 60, "cnn": 12}
BAR = 1.15


def ratio(first: Callable[[], float], second: Callable[[], float], rounds: int) -> dict[str, float]:
    """Seconds an epoch of both and the median of their ratios, taken in turns."""
    pairs = [(first(), second()) for _ in range(rounds)]
    ratios = [a / b for a, b in pairs]
    return {
        "ratio": statistics.median(ratios),
        "lowest": min(ratios),
        "highest": max(ratios),
        "first_ms": min(a for a, _ in pairs) * 1000,
        "second_ms": min(b for _, b in pairs) * 1000,
    }


def against_bare(model: str, device: str, rounds: int, own_dropout: bool) -> dict[str, float]:
    """The trainer over the hand-written loop."""
    config, epochs = MODELS[model], EPOCHS[model]
    return ratio(
        lambda: ours(config, epochs, device),
        lambda: bare(config, epochs, device, own_dropout=own_dropout),
        rounds,
    )


def loader(model: str, device: str, rounds: int, workers: int) -> dict[str, float]:
    """A DataLoader with ``workers`` processes over rows in memory."""
    config, epochs = MODELS[model], EPOCHS[model]
    fetched = {**config, "loader": "workers", "loader_workers": workers}
    return ratio(lambda: ours(fetched, epochs, device), lambda: ours(config, epochs, device), rounds)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(1)
    result: dict[str, Any] = {}
    rows = []
    for model, own in itertools.product(MODELS, (False, True)):
        cost = against_bare(model, options.device, options.rounds, own)
        result[f"{model}_over_bare{'_own_dropout' * own}"] = cost
        name = f"{model}, trainer / hand-written with {'the trainer' if own else 'torch'}'s dropout"
        span = f"({cost['lowest']:.3f}-{cost['highest']:.3f})"
        epoch = f"{cost['first_ms']:.2f} ms an epoch"
        rows.append((name, f"{cost['ratio']:.3f}x {span}  {epoch}   bar: {BAR}x"))
    for model in MODELS:
        for workers in (0, 2):
            cost = result[f"{model}_loader_{workers}"] = loader(model, options.device, 3, workers)
            rows.append((f"{model}, DataLoader with {workers} workers / memory", f"{cost['ratio']:.2f}x"))
    table(f"an epoch of the digits on {options.device}, one thread", rows)
    if options.device == "cpu":
        keep(__file__, result)


if __name__ == "__main__":
    main()
