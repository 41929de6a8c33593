"""The table of a benchmark: mean regret of each method, with its standard error."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from benchmarks.search.cells import Cell
from benchmarks.search.regret import AT, GRID, Known, known


@dataclass(frozen=True, slots=True)
class Row:
    """A method with a number of workers.

    Attributes:
        regret: at each share of the time in GRID, the mean over problems of the mean over seeds.
        error: its standard error, from the spread over seeds (the problems are taken as given); NaN where a
            problem has one seed only.
        tasks: by problem, the mean regret at the shares in AT.
        trials, sampler_ms, report_ms: medians over the cells.
    """

    method: str
    workers: int
    cells: int
    regret: list[float]
    error: list[float]
    tasks: dict[str, list[float]]
    trials: float
    sampler_ms: float
    report_ms: float


def rows(cells: Iterable[Cell], known_of: Callable[[str], Known] = known) -> list[Row]:
    """A row for each method and number of workers, in the order in which they come."""
    groups: dict[tuple[int, str], list[Cell]] = defaultdict(list)
    for cell in cells:
        groups[cell.workers, cell.method].append(cell)
    return [_row(method, workers, found, known_of) for (workers, method), found in groups.items()]


def _row(method: str, workers: int, cells: list[Cell], known_of: Callable[[str], Known]) -> Row:
    curves: dict[str, list[list[float]]] = defaultdict(list)
    for cell in cells:
        curves[cell.problem].append(cell.regrets(known_of(cell.problem)))
    means = {problem: _each(statistics.fmean, found) for problem, found in curves.items()}
    errors = [_each(_squared_error, found) for found in curves.values()]
    return Row(
        method,
        workers,
        len(cells),
        regret=_each(statistics.fmean, list(means.values())),
        error=[math.sqrt(total) / len(curves) for total in _each(math.fsum, errors)],
        tasks={problem: at(mean) for problem, mean in means.items()},
        trials=statistics.median(cell.trials for cell in cells),
        sampler_ms=statistics.median(cell.sampler_ms for cell in cells),
        report_ms=statistics.median(cell.report_ms for cell in cells),
    )


def _each(combine: Callable[[list[float]], float], curves: list[list[float]]) -> list[float]:
    """``combine`` over the curves, share by share."""
    return [combine(list(column)) for column in zip(*curves, strict=True)]


def _squared_error(values: list[float]) -> float:
    return statistics.variance(values) / len(values) if len(values) > 1 else math.nan


def at(curve: list[float]) -> list[float]:
    """A curve over GRID at the shares in AT."""
    return [curve[GRID.index(share)] for share in AT]


def count_of(workers: int) -> str:
    return "1 worker" if workers == 1 else f"{workers} workers"


def table(found: list[Row]) -> str:
    """For people: a line a method, best at the end first."""
    shares = "  ".join(f"{f'{share:.0%}':^13}" for share in AT)
    lines = []
    for workers in sorted({row.workers for row in found}):
        here = sorted((row for row in found if row.workers == workers), key=lambda row: row.regret[-1])
        lines += [f"\n{count_of(workers):<28}{shares}  trials  ms a trial  ms a report  tasks  searches"]
        lines += [_line(row) for row in here]
    return "\n".join(lines)


def _line(row: Row) -> str:
    pairs = zip(at(row.regret), at(row.error), strict=True)
    cells = "  ".join(_cell(mean, error) for mean, error in pairs)
    return (
        f"{row.method:<28}{cells}  {row.trials:6.0f}  {row.sampler_ms:10.2f}  {row.report_ms:11.3f}"
        f"  {len(row.tasks):5}  {row.cells:8}"
    )


def _cell(mean: float, error: float) -> str:
    return f"{mean:6.3f} {'' if math.isnan(error) else f'±{error:.3f}':6}"


def summary(found: list[Row]) -> dict:
    """What is kept of the rows, for JSON."""
    return {
        count_of(row.workers): {
            other.method: {
                "regret": _rounded(at(other.regret)),
                "error": _rounded(at(other.error)),
                "trials": other.trials,
                "sampler_ms": other.sampler_ms,
                "report_ms": other.report_ms,
                "searches": other.cells,
                "tasks": {problem: _rounded(values) for problem, values in other.tasks.items()},
            }
            for other in found
            if other.workers == row.workers
        }
        for row in found
    }


def _rounded(values: list[float]) -> list[float | None]:
    return [None if math.isnan(value) else round(value, 4) for value in values]
