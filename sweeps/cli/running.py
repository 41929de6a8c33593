"""`sweep run` and `sweep resume`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sweeps.cli.console import find_run, print_json, print_winner, say, winner_document
from sweeps.cli.display import clock_time, display
from sweeps.cli.tables import print_top
from sweeps.controller import Edited, Event, Noted, Observer, SweepEnded
from sweeps.paths import shown
from sweeps.printable import printable
from sweeps.runner import RunResult, resume, run
from sweeps.space.wording import listed

SHOWN = 20  # numbers of trials outside; the column `outside` has all


def run_command(
    spec: Path,
    overrides: Sequence[str],
    results: Path,
    fresh: bool,
    address: str | None,
    *,
    allow_code_change: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    def start(observers: list[Observer]) -> RunResult:
        return run(
            spec,
            overrides,
            results=results,
            fresh=fresh,
            observers=observers,
            command=sys.argv,
            address=address,
            allow_code_change=allow_code_change,
        )

    return _watched(start, "run", as_json, quiet)


def simulate_command(
    spec: Path,
    overrides: Sequence[str],
    results: Path,
    fresh: bool,
    *,
    allow_code_change: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    begun, spent = time.monotonic(), [0.0]

    def read_clock(event: Event) -> None:
        spent[0] = event.time if isinstance(event, SweepEnded) else spent[0]

    def start(observers: list[Observer]) -> RunResult:
        return run(
            spec,
            [*overrides, "engine=simulated"],
            results=results,
            fresh=fresh,
            observers=[*observers, read_clock],
            command=sys.argv,
            allow_code_change=allow_code_change,
        )

    code = _watched(start, "simulate", as_json, quiet)
    say(f"sweep: simulated {clock_time(spent[0])} in {time.monotonic() - begun:.1f} s")
    return code


def resume_command(
    name: str,
    overrides: Sequence[str],
    edit: Path | None,
    address: str | None,
    *,
    allow_code_change: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    paths = find_run(name)

    def start(observers: list[Observer]) -> RunResult:
        return resume(
            paths.root,
            overrides,
            edit=edit,
            observers=observers,
            address=address,
            allow_code_change=allow_code_change,
        )

    return _watched(start, "resume", as_json, quiet)


def _say_edit(event: Edited) -> None:
    """What an edit changes."""
    first = list(map(str, event.outside[:SHOWN]))
    more = ["..."] if len(event.outside) > SHOWN else []
    outside = f": {listed([*first, *more])}" if event.outside else ""
    say("sweep: edited")
    for line in event.differences:
        say(f"    {printable(line)}")
    say(f"sweep: {event.inside} trial(s) are inside the new space, {len(event.outside)} outside{outside}")


def _watched(start: Callable[[list[Observer]], RunResult], command: str, as_json: bool, quiet: bool) -> int:
    said: list[str] = []

    def announce(event: Event) -> None:
        """What is to be known before trials start, also where progress is not shown."""
        if isinstance(event, Noted):
            say(f"sweep: {event.text}")
            said.append(event.text)
        elif isinstance(event, Edited):
            _say_edit(event)

    with display(quiet) as observers:
        result = start([announce, *observers])
    for note in result.notes:
        if note not in said:
            say(f"sweep: {note}")
    if as_json:
        print_json(command, document(result))
    else:
        _print_result(result)
    return result.exit_code


def _print_result(result: RunResult) -> None:
    print_top(result.directory, top=10)
    if result.winner is None:
        return
    print_winner(result.winner)
    print(printable(f"files:  {shown(result.directory / 'best')}"))


def document(result: RunResult) -> dict[str, Any]:
    """The result as `--json` prints it."""
    return {
        "name": result.spec.name,
        "directory": str(result.directory),
        "reason": result.reason,
        "states": dict(result.states),
        "best": None if result.winner is None else winner_document(result.winner),
        "notes": list(result.notes),
        "exit_code": result.exit_code,
    }
