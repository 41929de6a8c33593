"""What earlier sweeps are worth: ``python -m benchmarks.search.warm_start --tasks development:6 --seeds 3``.

Every task is searched without, and after an earlier sweep of the same task (another seed), of another task of
the collection, and of two problems that mislead: the task with all ranges turned round, and with good and bad
configurations exchanged.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.search import problems
from benchmarks.search.drive_ours import run
from benchmarks.search.regret import AT, known, regret
from benchmarks.search.run import one_thread

METHOD = "multifidelity"
EARLIER_SEED = 1000  # added to that of the sweep
RELATIONS = ("same", "other", "mirrored", "inverted")


class Job(NamedTuple):
    """A sweep of ``task`` after one of ``earlier``, or without."""

    task: str
    seed: int
    relation: str = "without"
    earlier: str = ""


def jobs(tasks: list[str], seeds: int, relations: list[str]) -> Iterator[Job]:
    """All of them; the other task is the next one."""
    for seed in range(seeds):
        for place, task in enumerate(tasks):
            earlier = {
                "same": task,
                "other": tasks[(place + 1) % len(tasks)],
                "mirrored": f"mirrored:{task}",
                "inverted": f"inverted:{task}",
            }
            yield Job(task, seed)
            yield from (Job(task, seed, relation, earlier[relation]) for relation in relations)


def search(job: Job, folder: Path, workers: int) -> list[float]:
    """The regret at each share of the time in AT."""
    known_of = known(job.task)
    found = [_place(job, folder) / "search"] if job.earlier else []
    searched = problems.problem(job.task)
    trace = run(METHOD, searched, workers, job.seed, known_of.budget, warm_start=found).trace
    return [regret(trace.best_at(share * known_of.budget), known_of) for share in AT]


def search_earlier(job: Job, folder: Path, workers: int) -> None:
    """Make the earlier sweep of ``job``."""
    budget = known(job.earlier.removeprefix("mirrored:").removeprefix("inverted:")).budget
    place, seed = _place(job, folder), job.seed + EARLIER_SEED
    run(METHOD, problems.problem(job.earlier), workers, seed, budget, results=place)
    (place / "done").touch()


def _place(job: Job, folder: Path) -> Path:
    return folder / f"{job.earlier.replace(':', '-')}-{job.seed}"


def table(found: Mapping[Job, list[float]]) -> list[dict[str, Any]]:
    """A row for each relation: mean regrets, and those without earlier sweeps on the same (task, seed)."""
    rows = []
    for relation in RELATIONS:
        after = [(job, regrets) for job, regrets in found.items() if job.relation == relation]
        if not after:
            continue
        regrets = _means([regrets for _, regrets in after])
        without = _means([found[Job(job.task, job.seed)] for job, _ in after])
        ratio = [round(a / b, 3) for a, b in zip(regrets, without, strict=True)]
        row = {"earlier": relation, "searches": len(after), "regret": regrets, "without": without}
        rows.append(row | {"ratio": ratio})
    return rows


def _means(each: list[list[float]]) -> list[float]:
    return [round(statistics.fmean(column), 4) for column in zip(*each, strict=True)]


def read(path: Path) -> dict[Job, list[float]]:
    lines = path.read_text().splitlines() if path.exists() else []
    return {Job(*job): regrets for job, regrets in map(json.loads, lines)}


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--tasks", nargs="+", default=["development:6"])
    parser.add_argument("--relations", nargs="+", default=list(RELATIONS), choices=RELATIONS)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--jobs", type=int, default=1, help="searches at once, a process each")
    parser.add_argument("--folder", type=Path, required=True, help="of earlier sweeps and what was found")
    parser.add_argument("--cells", default="cells.jsonl", help="the file there that has what was found")
    parser.add_argument("--keep", type=Path, help="write the table there as JSON")
    given = parser.parse_args(words)
    given.folder.mkdir(parents=True, exist_ok=True)
    cells = given.folder / given.cells
    asked = list(jobs(problems.names(given.tasks), given.seeds, given.relations))
    left = [job for job in asked if job not in read(cells)]
    places = {_place(job, given.folder): job for job in left if job.earlier}
    missing = [job for place, job in places.items() if not (place / "done").exists()]
    with one_thread(), ProcessPoolExecutor(given.jobs, get_context("spawn")) as pool:
        for making in [pool.submit(search_earlier, job, given.folder, given.workers) for job in missing]:
            making.result()
        futures = {pool.submit(search, job, given.folder, given.workers): job for job in left}
        for future in as_completed(futures):
            job, regrets = futures[future], future.result()
            with cells.open("a") as file:
                file.write(json.dumps([job, regrets]) + "\n")
            print(*job, *(f"{value:.3f}" for value in regrets), flush=True)
    rows = table({job: regrets for job, regrets in read(cells).items() if job in asked})
    print(f"{'earlier':>9} searches  regret (without) at {', '.join(f'{share:.0%}' for share in AT)}; ratios")
    for row in rows:
        pairs = [f"{a:.3f} ({b:.3f})" for a, b in zip(row["regret"], row["without"], strict=True)]
        ratios = [f"{ratio:.2f}" for ratio in row["ratio"]]
        print(f"{row['earlier']:>9} {row['searches']:>8}  {'  '.join(pairs)};  {' '.join(ratios)}")
    if given.keep:
        from benchmarks.common import keep_as

        keep_as(given.keep, {"tasks": problems.names(given.tasks), "at": AT, "rows": rows})
    return 0


if __name__ == "__main__":
    sys.exit(main())
