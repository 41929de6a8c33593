"""A cell is one search: (method, problem, workers, seed). Each is kept as a line, so that a benchmark that
outlasts a sitting goes on where it stood.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from benchmarks.search import methods
from benchmarks.search.regret import GRID, Known, known, regret

FILE = Path(__file__).with_name("cells.jsonl")


class Key(NamedTuple):
    method: str
    problem: str
    workers: int
    seed: int


@dataclass(frozen=True, slots=True)
class Cell:
    """One search's result.

    Attributes:
        budget: its simulated seconds.
        best: the least loss so far at each share of the time in GRID; None before the first report.
        trials, epochs, sampler_ms, report_ms: as in `clock.Outcome`.
        seconds: what all of it really took.
    """

    method: str
    problem: str
    workers: int
    seed: int
    budget: float
    best: Sequence[float | None]
    trials: int
    epochs: int
    sampler_ms: float
    report_ms: float
    seconds: float

    @property
    def key(self) -> Key:
        return Key(self.method, self.problem, self.workers, self.seed)

    def regrets(self, known: Known) -> list[float]:
        """At each share in GRID."""
        return [regret(best, known) for best in self.best]


def asked(names: Iterable[str], problems: Iterable[str], workers: Iterable[int], seeds: int) -> list[Key]:
    """All cells of a benchmark, a whole round of each seed before the next."""
    crossed = itertools.product(range(seeds), problems, workers, names)
    return [Key(method, problem, number, seed) for seed, problem, number, method in crossed]


def run_cell(key: Key) -> Cell:
    """Raises whatever the method does, and ValueError for a problem whose best is not known."""
    begun = time.perf_counter()
    outcome = methods.search(*key)
    budget = known(key.problem).budget
    found = [None if best is None else float(f"{best:.6g}") for best in outcome.trace.on_grid(budget)]
    return Cell(
        *key,
        budget=budget,
        best=found,
        trials=outcome.trials,
        epochs=outcome.epochs,
        sampler_ms=round(outcome.sampler_ms, 3),
        report_ms=round(outcome.report_ms, 4),
        seconds=round(time.perf_counter() - begun, 2),
    )


def append(path: Path, cell: Cell) -> None:
    """One line more; what a line cut short left behind is closed first."""
    with open(path, "ab+") as file:
        if file.tell():
            file.seek(-1, 2)
            torn = file.read(1) != b"\n"
            file.write(b"\n" if torn else b"")
        file.write((json.dumps(asdict(cell), separators=(",", ":")) + "\n").encode())


def read(path: Path) -> dict[Key, Cell]:
    """The cells of a file; the latest of equal ones, none under another budget or of a line cut short."""
    found: dict[Key, Cell] = {}
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            cell = Cell(**json.loads(line))
        except json.JSONDecodeError:
            continue
        if len(cell.best) == len(GRID) and cell.budget == known(cell.problem).budget:
            found[cell.key] = cell
    return found
