"""How many trials fail where part of the space cannot be trained: ``python -m benchmarks.search.infeasible``.

Made-up spaces of five parameters, in each of which trials fail beyond a border. In ``memory`` the loss
depends on other parameters than that does; in ``size`` it promises more beyond the border; in ``divergence``
it is best near it; ``pocket`` is best in a corner that is almost cut off. Told are the share of failures
among the later two thirds of the trials, and how far the best loss is above the least.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import multiprocessing
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

from benchmarks.common import keep_as
from benchmarks.search.run import one_thread
from sweeps import Curve, Infeasible, run

HERE = Path(__file__)
TRIALS, STARTUP, EPOCHS = 60, 20, 20
_SPACE = {
    "lr": {"min": 1e-5, "max": 1e-1, "log": True},
    "momentum": {"min": 0.0, "max": 1.0},
    "wd": {"min": 1e-6, "max": 1e-2, "log": True},
    "width": {"min": 16, "max": 1024, "log": True},
    "batch": {"min": 16, "max": 512, "log": True},
}


class Point(NamedTuple):
    """A configuration, each parameter from 0 to 1 along its range."""

    lr: float
    momentum: float
    wd: float
    width: float
    batch: float

    @classmethod
    def of(cls, config: dict[str, Any]) -> Point:
        return cls(
            (math.log10(config["lr"]) + 5) / 4,
            config["momentum"],
            (math.log10(config["wd"]) + 6) / 4,
            math.log2(config["width"] / 16) / 6,
            math.log2(config["batch"] / 16) / 5,
        )


def _bowl(at: Point) -> float:
    return (at.lr - 0.55) ** 2 + 0.5 * (at.momentum - 0.7) ** 2 + 0.2 * (at.wd - 0.4) ** 2


# Of each space: which points fail, and what the loss comes to, which is 0 at least.
SPACES: dict[str, tuple[Callable[[Point], bool], Callable[[Point], float]]] = {
    "memory": (lambda at: at.width + at.batch > 1.0, _bowl),
    "size": (lambda at: at.width + at.batch > 1.2, lambda at: _bowl(at) + 0.3 * (1 - at.width) ** 2),
    "divergence": (lambda at: at.lr + 0.3 * at.momentum > 0.85, _bowl),
    "pocket": (
        lambda at: (at.width > 0.5 and at.batch > 0.3) or at.lr > 0.8,
        lambda at: _bowl(at) + 0.2 * (1 - at.width) ** 2 + 0.05 * at.batch,
    ),
}


def _falling(epoch: int) -> float:
    return 0.1 + math.exp(-0.3 * epoch)


def train(trial) -> None:
    """What a sweep must name; the simulated engine does not call it."""


def curves() -> Callable[[dict[str, Any], int, int], Curve]:
    """What the simulated engine calls: the curve of the space that ``fixed`` names."""

    def curve(config: dict[str, Any], seed: int, epochs: int) -> Curve:
        fails, loss = SPACES[config["space"]]
        at = Point.of(config)
        if fails(at):
            raise Infeasible("beyond the border")
        return Curve({"val_loss": [loss(at) + _falling(e + 1) for e in range(epochs)]}, [10.0] * epochs)

    return curve


def search(cell: tuple[str, str, int]) -> tuple[float, float]:
    """One sweep, (sampler, space, seed): the share of later trials that fail, and the regret of the best."""
    sampler, space, seed = cell
    spec = {
        "version": 1, "name": "search", "train": f"{HERE}:train", "curves": f"{HERE}:curves",
        "engine": "simulated", "epochs": EPOCHS, "fixed": {"space": space}, "parameters": _SPACE,
        "sampler": sampler, "pruner": "multifidelity", "workers": 4, "breaker": None, "seed": seed,
        "budget": {"trials": TRIALS},
    }  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="search.") as folder:
        path = Path(folder) / "search.yaml"
        path.write_text(json.dumps(spec))
        trials = run(path, results=folder).trials
    late = trials[trials["number"] >= STARTUP]
    best = trials.loc[trials["state"] == "COMPLETE", "metric"].min()
    return float((late["state"] == "FAILED").mean()), float(best) - _falling(EPOCHS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    kept: dict[str, Any] = {}
    with one_thread(), ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        for sampler, space in itertools.product(("auto", "random"), SPACES):
            found = list(pool.map(search, [(sampler, space, seed) for seed in range(given.seeds)]))
            failed, regret = (mean(column) for column in zip(*found, strict=True))
            kept.setdefault(sampler, {})[space] = {"failed": round(failed, 3), "regret": round(regret, 5)}
            print(
                f"{sampler:8} {space:12} {failed:.2f} of later trials fail, best {regret:.4f} above the least"
            )
    if given.keep:
        keep_as(given.keep, {"seeds": given.seeds, "trials": TRIALS, "samplers": kept})


if __name__ == "__main__":
    main()
