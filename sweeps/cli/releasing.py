"""`sweep test` and `sweep export`: the winner leaves the sweep."""

from __future__ import annotations

from pathlib import Path

from sweeps.cli.console import find_run, print_json, test_line
from sweeps.printable import printable


def test_command(name: str, again: str | None, address: str | None, *, as_json: bool) -> int:
    from sweeps.runner import test

    winner = test(find_run(name).root, again=again, address=address)
    if as_json:
        tested = None if winner.test is None else dict(winner.test)
        print_json("test", {"number": winner.number, "epoch": winner.epoch, "test": tested})
    else:
        print(f"trial {winner.number}, epoch {winner.epoch}: {test_line(winner.test or {})}")
    return 0


def export_command(name: str, directory: Path, trial: int | None) -> int:
    from sweeps.results import load

    target = load(find_run(name).root).export(directory, trial)
    print(printable(str(target)))
    return 0
