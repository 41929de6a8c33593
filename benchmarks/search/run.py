"""Regret over simulated time: ``python -m benchmarks.search.run --methods ours peers --tasks judging``.

What the cells' file holds is not run again; ``--report`` runs nothing.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from benchmarks.search import methods, problems
from benchmarks.search.cells import FILE, Key, append, asked, read, run_cell
from benchmarks.search.regret import known

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--methods", nargs="+", default=["all"], help="names, or ours, peers, all")
    parser.add_argument(
        "--tasks", nargs="+", default=["judging"], help="names, or judging, development[:8], ..."
    )
    parser.add_argument("--workers", type=_numbers, default=[4, 16], help="such as 4,16")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=1, help="searches at once, a process each")
    parser.add_argument("--cells", type=Path, default=FILE, help="where each search's result is kept")
    parser.add_argument("--again", action="store_true", help="run all that is asked for, whatever is kept")
    parser.add_argument("--report", action="store_true", help="only the table of what there is")
    parser.add_argument("--keep", type=Path, help="write the table there as JSON")
    parser.add_argument("--plot", type=Path, help="write the regret over time there as PNG")
    return parser.parse_args(words)


def _numbers(text: str) -> list[int]:
    return [int(number) for number in text.split(",")]


def run(keys: list[Key], path: Path, jobs: int) -> list[Key]:
    """Run cells and append each as it comes; returns those that failed."""
    failed = []
    with one_thread(), ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn")) as pool:
        futures = {pool.submit(run_cell, key): key for key in keys}
        for number, future in enumerate(as_completed(futures), 1):
            key = futures[future]
            if error := future.exception():
                failed.append(key)
                print(f"{key} failed: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
                continue
            cell = future.result()
            append(path, cell)
            last = cell.regrets(known(cell.problem))[-1]
            print(
                f"{number}/{len(keys)} {' '.join(map(str, key))}: {last:.3f} ({cell.seconds:.1f} s)",
                flush=True,
            )
    return failed


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Processes that are started meanwhile compute on one core, whatever library they use."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            os.environ.update({name: value} if value is not None else {})


def main(words: list[str] | None = None) -> int:
    given = arguments(words)
    try:
        keys = asked(methods.names(given.methods), problems.names(given.tasks), given.workers, given.seeds)
        done = {} if given.again else read(given.cells)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    left = [] if given.report else [key for key in keys if key not in done]
    failed = run(left, given.cells, given.jobs) if left else []
    report(keys, given)
    return 1 if failed else 0


def report(keys: list[Key], given: argparse.Namespace) -> None:
    """Print the table of the cells there are, and write what is asked for."""
    from benchmarks.search.report import rows, summary, table

    there = read(given.cells)
    found = rows(there[key] for key in keys if key in there)
    print(table(found))
    if given.keep:
        from benchmarks.common import keep_as

        keep_as(given.keep, {"tasks": sorted({key.problem for key in keys}), "methods": summary(found)})
    if given.plot:
        from benchmarks.search.plot import plot

        plot(found, given.plot)


if __name__ == "__main__":
    sys.exit(main())
