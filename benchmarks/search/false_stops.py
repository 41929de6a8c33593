"""How often the pruner `multifidelity` is wrong: ``python -m benchmarks.search.false_stops``.

A stop is false if the trial, trained on to its last epoch, would have come to less than the best loss of all
other trials when it was stopped. The curves are known, so that each stopped trial is looked at to its end.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from benchmarks.common import keep_as
from benchmarks.search import problems
from benchmarks.search.problems import METRIC, Problem, problem
from benchmarks.search.regret import known
from benchmarks.search.run import one_thread
from sweeps.controller import EpochReported, Event, TrialEnded


@dataclass(frozen=True, slots=True)
class Stops:
    """Of one search or several: trials, those stopped, those of them falsely."""

    trials: int
    stops: int
    false: int

    @classmethod
    def total(cls, found: Sequence[Stops]) -> Stops:
        return cls(*(sum(column) for column in zip(*map(astuple, found), strict=True)))

    @property
    def rate(self) -> float:
        return self.false / max(self.stops, 1)


class Judge:
    """An observer that looks at how stopped trials would have gone on."""

    def __init__(self, searched: Problem) -> None:
        self._problem = searched
        self._best: dict[int, float] = {}
        self.trials = self.stops = self.false = 0

    def __call__(self, event: Event) -> None:
        if isinstance(event, EpochReported):
            loss = event.metrics[METRIC]
            self._best[event.number] = min(loss, self._best.get(event.number, loss))
        elif isinstance(event, TrialEnded):
            self.trials += 1
            if event.record.stop_reason == "multifidelity":
                self.stops += 1
                self.false += self._would_win(event)

    def _would_win(self, event: TrialEnded) -> bool:
        others = min(loss for trial, loss in self._best.items() if trial != event.record.number)
        metrics, _ = self._problem.curve(event.record.params, 0, self._problem.epochs)
        return min(metrics[METRIC]) < others


def judge(cell: tuple[str, str, int, int]) -> Stops:
    """One search: (sampler+pruner, problem, workers, seed)."""
    from benchmarks.search import drive_ours

    name, searched, workers, seed = cell
    watching = Judge(problem(searched))
    drive_ours.run(name, problem(searched), workers, seed, known(searched).budget, [watching])
    return Stops(watching.trials, watching.stops, watching.false)


def share(search: str, tasks: Sequence[str], given: argparse.Namespace, pool: Executor) -> dict[str, Any]:
    """What became of all trials of ``search`` on ``tasks``."""
    cells = itertools.product([search], tasks, [given.workers], range(given.seeds))
    total = Stops.total(list(pool.map(judge, cells)))
    counts = {"trials": total.trials, "stopped": total.stops, "falsely": total.false}
    return {**counts, "share": round(total.rate, 4)}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tasks", nargs="+", default=["development:8", "synthetic"])
    parser.add_argument("--searches", nargs="+", default=["auto", "random+multifidelity"])
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--keep", type=Path)
    return parser.parse_args()


def main() -> None:
    given = arguments()
    tasks = problems.names(given.tasks)
    families = sorted({task.partition(":")[0] for task in tasks})
    kept = {}
    print(f"{'':40s}{'trials':>8s}{'stopped':>9s}{'falsely':>9s}{'share':>8s}")
    with one_thread(), ProcessPoolExecutor(given.jobs, multiprocessing.get_context("spawn")) as pool:
        for search, family in itertools.product(given.searches, families):
            mine = [task for task in tasks if task.startswith(f"{family}:")]
            label = f"{search} on {family}"
            row = kept[label] = share(search, mine, given, pool)
            counts = f"{row['trials']:8d}{row['stopped']:9d}{row['falsely']:9d}"
            print(f"{label:40s}{counts}{row['share']:8.2%}", flush=True)
    if given.keep:
        keep_as(given.keep, kept)


if __name__ == "__main__":
    main()
