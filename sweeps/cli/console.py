"""What every command shares: where output goes, how a folder is named, how values are written."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweeps.errors import UsageError
from sweeps.paths import RunPaths
from sweeps.printable import printable, printable_json, printable_lines

if TYPE_CHECKING:
    from sweeps.results import Winner
    from sweeps.results.lineage import Segment

JSON_VERSION = 1


def find_run(name: str) -> RunPaths:
    """The results folder ``name`` means: a path, or a name under results/.

    Raises:
        UsageError: there is no such sweep.
    """
    for candidate in (Path(name), Path("results") / name):
        paths = RunPaths(candidate.absolute())
        if paths.resolved_yaml.exists():
            return paths
    raise UsageError(f"{name}: no sweep in this folder or under results/: give the folder `sweep run` made")


def print_json(command: str, document: dict[str, Any]) -> None:
    """One versioned document on stdout; numbers that JSON has none for become null."""
    whole = {"version": JSON_VERSION, "command": command, **document}
    print(printable_json(json.dumps(_strict(whole), indent=2, ensure_ascii=False, default=str)))


def _strict(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def winner_document(winner: Winner) -> dict[str, Any]:
    """The winner as ``--json`` prints it."""
    return {
        "number": winner.number,
        "metric": winner.metric,
        "value": winner.value,
        "epoch": winner.epoch,
        "diagnosis": winner.diagnosis,
        "params": dict(winner.params),
        **({"further": dict(winner.further)} if winner.further else {}),
        "test": None if winner.test is None else dict(winner.test),
    }


def print_winner(winner: Winner) -> None:
    """The winner and its test, for a person."""
    objective = f"{winner.metric} {short(winner.value)} at epoch {winner.epoch}"
    further = "".join(f", {name} {short(value)}" for name, value in winner.further.items())
    print(printable(f"winner: trial {winner.number}, {objective}{further}"))
    if winner.diagnosis is not None:
        print(f"curves: {short(winner.diagnosis)}")
    if winner.schedule:
        print(f"schedule: {schedule_line(winner.schedule)}")
    if winner.test is not None:
        print(f"test:   {test_line(winner.test)}")


def schedule_line(schedule: Sequence[Segment]) -> str:
    """What changed on the way to the winner, and in which trials; best/schedule.json has all of it."""
    steps = list(dict.fromkeys(part.trial for part in schedule))
    names = dict.fromkeys(name for part in schedule for name in part.params)
    values = {name: [short(part.params.get(name)) for part in schedule] for name in names}
    changed = [f"{printable(name)} {' > '.join(of)}" for name, of in values.items() if len(set(of)) > 1]
    trials = " > ".join(map(str, steps))
    return f"{'; '.join(changed) or 'unchanged'} (by trials {trials})"


def test_line(test: Mapping[str, Any]) -> str:
    """What of a test's result fits on a line; test.json has all of it."""
    from sweeps.results.winner import scalars

    return pairs(scalars(test))


def say(text: str) -> None:
    """A line, or several, for the person at the terminal."""
    print(printable_lines(text), file=sys.stderr, flush=True)


def short(value: Any) -> str:
    """A value as a table cell: 4 significant digits, control characters written out."""
    if isinstance(value, bool) or value is None:
        return str(value).lower() if value is not None else "-"
    if isinstance(value, float):
        return f"{value:.4g}"
    return printable(str(value))


def pairs(params: Any) -> str:
    """``lr=0.01 width=64``."""
    return " ".join(f"{printable(name)}={short(value)}" for name, value in params.items())
