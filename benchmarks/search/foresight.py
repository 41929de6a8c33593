"""How well the model foresees how trials end: ``python -m benchmarks.search.foresight --record FILE``, then
``--replay FILE``.

A regret tells two priors of the model apart only after hundreds of searches. Here searches are recorded once,
and each is shown again to the model as the code has it now: whenever the pruner would look at a trial, the
model's chance that it beats all others is compared with how the trial, trained to its end, would have ended.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import statistics
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.common import keep_as, table
from benchmarks.search import drive_ours, problems
from benchmarks.search.problems import METRIC, Problem, problem
from benchmarks.search.regret import known
from benchmarks.search.run import one_thread
from sweeps.controller import EpochReported, Event, TrialStarted
from sweeps.pruners.multifidelity import CHANCE, STARTUP_TRIALS, looks
from sweeps.space import Space
from sweeps.spec import load_spec
from sweeps.study.record import TrialRecord
from sweeps.surrogate import CurveModel

_EARLY = 20  # trials: the first ones, which are judged on little
_SURE = 1e-4  # no chance counts as nearer to 0 or 1: one surprise must not outweigh all else


@dataclass
class Recorder:
    """An observer that keeps what a search saw, in its order: the JSON of a line.

    ``steps`` are [trial, epoch, loss], with epoch 0 and no loss where the trial starts.
    """

    problem: str
    seed: int
    params: list[dict[str, Any]] = field(default_factory=list)
    steps: list[tuple[int, int, float | None]] = field(default_factory=list)

    def __call__(self, event: Event) -> None:
        if isinstance(event, TrialStarted):
            self.params.append(dict(event.params))
            self.steps.append((event.number, 0, None))
        elif isinstance(event, EpochReported):
            self.steps.append((event.number, event.epoch, event.metrics[METRIC]))


@dataclass(frozen=True, slots=True)
class Look:
    """The model's ``chance`` that a trial comes to beat all others, and whether it ``wins``."""

    early: bool
    chance: float
    wins: bool

    @property
    def loss(self) -> float:
        """Minus the logarithm of the chance that was given to what happened."""
        chance = min(max(self.chance, _SURE), 1.0 - _SURE)
        return -math.log(chance if self.wins else 1.0 - chance)


def record(cell: tuple[str, int, int]) -> str:
    """A search by `auto`, (problem, workers, seed), as a line of JSON."""
    searched, workers, seed = cell
    recorder = Recorder(searched, seed)
    drive_ours.run("auto", problem(searched), workers, seed, known(searched).budget, [recorder])
    return json.dumps(vars(recorder), separators=(",", ":"))


def replay(line: str) -> list[Look]:
    """What the model makes of a recorded search."""
    recorded = Recorder(**json.loads(line))
    searched = problem(recorded.problem)
    model = CurveModel(_space(searched), "minimize", searched.epochs)
    model.proposes = True
    ends = [min(searched.curve(params, 0, searched.epochs)[0][METRIC]) for params in recorded.params]
    due = frozenset(looks(searched.epochs))
    records: dict[int, TrialRecord] = {}
    found = []
    for trial, epoch, loss in recorded.steps:
        if loss is None:
            records[trial] = TrialRecord(trial, recorded.params[trial])
            _prepare(model)
            continue
        records[trial].observe(epoch, loss, "minimize")
        model.observe(records[trial])
        others = [
            other.value for other in records.values() if other.value is not None and other.number != trial
        ]
        if epoch in due and others and model.known >= STARTUP_TRIALS:
            model.refresh(trial)
            found.append(Look(trial < _EARLY, model.chance(trial), ends[trial] < min(others)))
    return found


def _prepare(model: CurveModel) -> None:
    """As before a proposal."""
    if model.known >= STARTUP_TRIALS:
        model.prepare()


def _space(searched: Problem) -> Space:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "search.yaml"
        path.write_text(json.dumps(drive_ours.spec("auto", searched, 1, 0, 1.0)))
        return load_spec(path).space


def summary(found: Sequence[Look]) -> dict[str, float | int]:
    """What is said of many looks: see the README."""
    low = [look for look in found if look.chance < CHANCE]
    early = [look for look in low if look.early]
    return {
        "looks": len(found),
        "log_loss": round(statistics.fmean(look.loss for look in found), 4),
        "low": len(low),
        "low_won": _share(low),
        "early_low_won": _share(early),
    }


def _share(found: Sequence[Look]) -> float:
    """Of them, how many win."""
    return round(sum(look.wins for look in found) / max(len(found), 1), 4)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    doing = parser.add_mutually_exclusive_group(required=True)
    doing.add_argument(
        "--record", type=Path, metavar="FILE", help="run searches by auto and write them there"
    )
    doing.add_argument("--replay", type=Path, metavar="FILE", help="show those of FILE to the model")
    parser.add_argument("--tasks", nargs="+", default=["development:8"], help="to record")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="write the figures there as JSON")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    with one_thread(), ProcessPoolExecutor(given.jobs, get_context("spawn")) as pool:
        if given.record:
            cells = itertools.product(problems.names(given.tasks), [given.workers], range(given.seeds))
            given.record.write_text("".join(f"{line}\n" for line in pool.map(record, cells)))
            return
        found = list(itertools.chain(*pool.map(replay, given.replay.read_text().splitlines())))
    row = summary(found)
    table("foresight", [(name, str(value)) for name, value in row.items()])
    if given.keep:
        keep_as(given.keep, dict(row))


if __name__ == "__main__":
    main()
