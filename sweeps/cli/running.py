"""`sweep run` and `sweep resume`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sweeps.cli.console import find_run, print_json, print_winner, say, winner_document
from sweeps.cli.display import display
from sweeps.cli.tables import print_top
from sweeps.controller import Observer
from sweeps.paths import shown
from sweeps.runner import Outcome, resume, run


def run_command(
    spec: Path, overrides: Sequence[str], results: Path, fresh: bool, *, as_json: bool, quiet: bool
) -> int:
    def start(observers: list[Observer]) -> Outcome:
        return run(spec, overrides, results=results, fresh=fresh, observers=observers, command=sys.argv)

    return _watched(start, "run", as_json, quiet)


def resume_command(name: str, overrides: Sequence[str], *, as_json: bool, quiet: bool) -> int:
    paths = find_run(name)

    def start(observers: list[Observer]) -> Outcome:
        return resume(paths.root, overrides, observers=observers)

    return _watched(start, "resume", as_json, quiet)


def _watched(start: Callable[[list[Observer]], Outcome], command: str, as_json: bool, quiet: bool) -> int:
    with display(quiet) as observers:
        outcome = start(observers)
    for note in outcome.notes:
        say(f"sweep: {note}")
    if as_json:
        print_json(command, document(outcome))
    else:
        _print_result(outcome)
    return outcome.exit_code


def _print_result(outcome: Outcome) -> None:
    print_top(outcome.directory, top=10)
    if outcome.winner is None:
        return
    print_winner(outcome.winner)
    print(f"files:  {shown(outcome.directory / 'best')}")


def document(outcome: Outcome) -> dict[str, Any]:
    """The outcome as `--json` prints it."""
    return {
        "name": outcome.spec.name,
        "directory": str(outcome.directory),
        "reason": outcome.reason,
        "states": dict(outcome.states),
        "best": None if outcome.winner is None else winner_document(outcome.winner),
        "notes": list(outcome.notes),
        "exit_code": outcome.exit_code,
    }
