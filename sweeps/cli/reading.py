"""`sweep show`, `trials` and `logs`: what a results folder says, with no code of the user's run."""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

from sweeps.cli.console import find_run, pairs, print_json, short
from sweeps.errors import NoUsableTrialError, UsageError

STATES = ("COMPLETE", "PRUNED", "FAILED", "INTERRUPTED", "RUNNING")


def show_command(name: str, top: int, *, as_json: bool) -> int:
    from sweeps.cli.tables import print_table, rank, records
    from sweeps.results import load

    results = load(find_run(name).root)
    ranked = rank(results)
    states = dict(Counter(ranked["state"]))
    if as_json:
        rows = records(ranked.head(top))
        print_json(
            "show", {"name": results.spec.name, "states": states, "best": _best(results), "trials": rows}
        )
        return 0
    print_table(ranked.head(top), results.spec.metric.name)
    print("  ".join(f"{count} {state.lower()}" for state, count in sorted(states.items())) or "no trials yet")
    best = _best(results)
    if best is not None:
        at = f"{best['metric']} {short(best['value'])} at epoch {best['epoch']}"
        print(f"winner: trial {best['number']}, {at}")
        if best["test"]:
            print(f"test:   {pairs(best['test'])}")
    return 0


def _best(results: Any) -> dict[str, Any] | None:
    try:
        winner = results.best
    except NoUsableTrialError:
        return None
    return {
        "number": winner.number,
        "metric": winner.metric,
        "value": winner.value,
        "epoch": winner.epoch,
        "params": dict(winner.params),
        "test": None if winner.test is None else dict(winner.test),
    }


def trials_command(name: str, state: str | None, *, as_json: bool) -> int:
    from sweeps.cli.tables import records
    from sweeps.results import load

    if state is not None and state.upper() not in STATES:
        raise UsageError(f"--state must be one of {', '.join(STATES)}, not {state}")
    results = load(find_run(name).root)
    trials = results.trials
    if state is not None:
        trials = trials[trials["state"] == state.upper()]
    if as_json:
        print_json("trials", {"name": results.spec.name, "trials": records(trials)})
    else:
        trials.to_csv(sys.stdout, index=False)
    return 0


def logs_command(name: str, number: int, tail: int | None) -> int:
    paths = find_run(name)
    log = paths.trial(number).log
    if not log.exists():
        raise UsageError(
            f"trial {number} of {name} has no log: it must have been started; see `sweep trials {name}`"
        )
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    for line in lines if tail is None else lines[-tail:]:
        print("".join(char if char.isprintable() or char == "\t" else "?" for char in line))
    return 0
