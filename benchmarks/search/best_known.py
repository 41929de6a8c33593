"""The best known loss of each problem: ``python -m benchmarks.search.best_known --tasks judging``.

100,000 random configurations, then a local search from the best of them, all at every epoch. One core takes a
minute or two a task of LCBench. What is in the file already is not done again.
"""

from __future__ import annotations

import argparse
import json
import time

import numpy as np

from benchmarks.search.problems import Problem, names, problem
from benchmarks.search.regret import FILE, read_known
from benchmarks.search.space import decode, rows

RANDOM = 100_000
BATCH = 1000
STARTS, NEIGHBOURS, ROUNDS = 20, 30, 60
_WIDEST, _NARROWEST = 0.2, 1e-3  # standard deviation of a step, in the unit cube


def explore(searched: Problem, random: int = RANDOM) -> dict:
    """The best known configuration with its epoch, and what random configurations come to."""
    rng = np.random.default_rng(20_000)
    cubes, bests, seconds = [], [], []
    for _ in range(0, random, BATCH):
        cube = rng.random((min(BATCH, random), len(searched.space)))
        losses, epochs = searched.batch(decode(searched.space, cube))
        cubes.append(cube)
        bests.append(losses.min(axis=1))
        seconds.append(epochs.sum(axis=1))
    best = np.concatenate(bests)
    starts = np.argsort(best)[:STARTS]
    point = climb(searched, np.concatenate(cubes)[starts], best[starts], rng)
    config = decode(searched.space, point[None])
    losses, _ = searched.batch(config)
    return {
        "best": float(losses.min()),
        "median": float(np.median(best)),
        "seconds": float(np.median(np.concatenate(seconds))),
        "epoch": int(losses.argmin()) + 1,
        "config": rows(config)[0],
        "best_random": float(best.min()),
        "random": random,
    }


def climb(searched: Problem, points: np.ndarray, losses: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The best point of local searches from ``points``, whose steps shrink while they find nothing."""
    points, losses, width = points.copy(), losses.copy(), np.full(len(points), _WIDEST)
    for _ in range(ROUNDS):
        steps = rng.standard_normal((len(points), NEIGHBOURS, points.shape[1])) * width[:, None, None]
        steps *= rng.random(steps.shape) < 0.5  # along some coordinates only
        tried = np.clip(points[:, None] + steps, 0.0, 1.0)
        found = searched.batch(decode(searched.space, tried.reshape(-1, points.shape[1])))[0]
        least = found.min(axis=1).reshape(len(points), NEIGHBOURS)
        place = least.argmin(axis=1)
        better = least.min(axis=1) < losses
        points[better] = tried[better, place[better]]
        losses[better] = least.min(axis=1)[better]
        width = np.where(better, width, np.maximum(width * 0.75, _NARROWEST))
    return points[losses.argmin()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", nargs="+", default=["judging", "development", "synthetic"])
    for name in names(parser.parse_args().tasks):
        if name in read_known():
            continue
        begun = time.monotonic()
        found = explore(problem(name))
        _keep(name, found)
        seconds = time.monotonic() - begun
        told = f"{found['best']:.5f} (random {found['best_random']:.5f}, median {found['median']:.4f})"
        print(f"{name:16} {told} in {seconds:.0f} s", flush=True)


def _keep(name: str, found: dict) -> None:
    aside = FILE.with_suffix(".aside")
    lines = {**read_known(), name: found}
    text = ",\n".join(f"{json.dumps(key)}: {json.dumps(lines[key])}" for key in sorted(lines))
    aside.write_text(f"{{\n{text}\n}}\n")
    aside.replace(FILE)


if __name__ == "__main__":
    main()
