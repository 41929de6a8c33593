"""`sweep show`, `trials` and `logs`: what a results folder says, with no code of the user's run."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING

from sweeps.cli.console import find_run, print_json, print_winner, say, winner_document
from sweeps.errors import NoUsableTrialError, UsageError
from sweeps.paths import rotated_path
from sweeps.printable import printable, printable_lines

if TYPE_CHECKING:
    from sweeps.results import Results, Winner

STATES = ("COMPLETE", "PRUNED", "FAILED", "INTERRUPTED", "RUNNING")


def show_command(name: str, top: int, *, as_json: bool) -> int:
    from sweeps.cli.tables import print_front, print_table, rank, records
    from sweeps.results import load

    results = load(find_run(name).root)
    ranked, winner = rank(results), _winner(results)
    states = dict(Counter(ranked["state"]))
    if as_json:
        best = None if winner is None else winner_document(winner)
        rows = records(ranked.head(top))
        document = {"name": results.spec.name, "states": states, "best": best, "trials": rows}
        if results.spec.metric.further:
            document["front"] = records(results.pareto)
        print_json("show", document)
        return 0
    print_table(ranked.head(top), results.spec)
    print_front(results)
    counts = "  ".join(f"{count} {state.lower()}" for state, count in sorted(states.items()))
    print(printable(counts) or "no trials yet")
    if winner is not None:
        print_winner(winner)
    return 0


def _winner(results: Results) -> Winner | None:
    try:
        return results.best
    except NoUsableTrialError:
        return None


def trials_command(name: str, state: str | None, attempts: bool, *, as_json: bool) -> int:
    from sweeps.cli.tables import records
    from sweeps.results import load, safe_cells

    if state is not None and state.upper() not in STATES:
        raise UsageError(f"--state must be one of {', '.join(STATES)}, not {state}")
    results = load(find_run(name).root)
    rows = "attempts" if attempts else "trials"
    table = results.attempts if attempts else results.trials
    if state is not None:
        table = table[table["state"] == state.upper()]
    if as_json:
        print_json("trials", {"name": results.spec.name, rows: records(table)})
    else:
        safe_cells(table).to_csv(sys.stdout, index=False)
    return 0


def logs_command(name: str, number: int, tail: int | None) -> int:
    from sweeps.results import load

    paths = find_run(name)
    log = paths.trial(number).log
    parts = [part for part in (rotated_path(log), log) if part.exists()]
    if not parts:
        raise UsageError(
            f"trial {number} of {name} has no log: a trial must have been started, and a simulated one must "
            f"have failed; see `sweep trials {name}`"
        )
    text = "".join(part.read_text(encoding="utf-8", errors="replace") for part in parts)
    for line in text.splitlines()[-tail if tail else None :]:
        print(printable_lines(line))
    trials = load(paths.root).trials.set_index("number")
    if number not in trials.index:
        raise UsageError(f"trial {number} of {name} is not in the study: see `sweep trials {name}`")
    row = trials.loc[number]
    error = f": {row['error']}" if isinstance(row["error"], str) else ""
    say(printable(f"trial {number} is {row['state']}{error}"))
    return 0
