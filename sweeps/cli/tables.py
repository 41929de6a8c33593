"""Tables on stdout: the best trials, for a person."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweeps.cli.console import pairs, short
from sweeps.paths import shown
from sweeps.printable import printable

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from sweeps.results import Results
    from sweeps.spec import SweepSpec

PIPE_WIDTH = 250  # columns: a table in a pipe is not cut at a terminal's width


def print_top(directory: Path, top: int) -> None:
    """The best trials of a results folder, best first; running and failed ones after them."""
    from sweeps.results import load

    results = load(directory)
    ranked = rank(results)
    print_table(ranked.head(top), results.spec)
    print_front(results)
    if len(ranked) > top:
        print(printable(f"({len(ranked) - top} more: sweep trials {shown(directory)})"))


def rank(results: Results) -> pd.DataFrame:
    """The trials table, COMPLETE trials first and the best of them on top; those outside the space last.

    Of several metrics the front is on top; trials that do not hold the constraints come after those that do.
    """
    trials = results.trials
    ascending = results.spec.metric.goal == "minimize"
    complete = trials["state"] == "COMPLETE"
    keys = {
        "_rest": ~complete,
        "_infeasible": ~trials["feasible"].fillna(False).astype(bool) if "feasible" in trials else False,
        "_beaten": ~trials["front"] if "front" in trials else False,
    }
    order = trials.assign(**keys).sort_values(
        ["outside", *keys, "metric", "number"],
        ascending=[True, True, True, True, ascending, True],
        na_position="last",
    )
    return order.drop(columns=[*keys])


def print_front(results: Results) -> None:
    """How many trials are on the front, where there are several metrics."""
    trials = results.trials
    if "front" in trials:
        among, complete = int(trials["front"].sum()), int((trials["state"] == "COMPLETE").sum())
        print(printable(f"front:  {among} of {complete} complete trials (pareto.csv, pareto.svg)"))


def records(trials: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as plain values for JSON; what is missing is None."""
    rows = trials.astype(object).where(trials.notna(), None).to_dict("records")
    return [{str(key): _json(value) for key, value in row.items()} for row in rows]


def _json(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def print_table(trials: pd.DataFrame, spec: SweepSpec) -> None:
    """One line a trial; parameters get a column each where the terminal is wide enough, else share one.

    The diagnosis is shown where it fits besides.
    """
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False)
    unbounded = console.options.update(width=10_000)
    diagnosed = (True, False) if trials["diagnosis"].notna().any() else (False,)
    for shared, diagnosis in itertools.product((False, True), diagnosed):
        table = _table(trials, spec, shared=shared, diagnosis=diagnosis)
        if console.measure(table, options=unbounded).maximum <= console.width:
            break
    console.print(table)


def _table(trials: pd.DataFrame, spec: SweepSpec, *, shared: bool, diagnosis: bool) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    params = [name for name in trials.columns if name.startswith("params.")]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    further = [objective.name for objective in spec.metric.further]
    for header in ("trial", "state", *map(printable, (spec.metric.name, *further)), "epoch", "of", "seconds"):
        table.add_column(Text(header), justify="left" if header == "state" else "right", no_wrap=True)
    for header in ["parameters"] if shared else [name.removeprefix("params.") for name in params]:
        table.add_column(Text(printable(header)), justify="left" if shared else "right")
    if diagnosis:
        table.add_column("diagnosis", no_wrap=True)
    for row in records(trials):
        objectives = [row["metric"], *(row.get(f"best.{name}") for name in further)]
        numbers = [*objectives, *(row[name] for name in _NUMBERS)]
        cells = [short(row["number"]), short(_state(row)), *map(short, numbers)]
        values = {name.removeprefix("params."): row[name] for name in params}
        given = {name: value for name, value in values.items() if value is not None}
        cells += [pairs(given)] if shared else [short(value) for value in values.values()]
        cells += [short(row["diagnosis"])] if diagnosis else []
        table.add_row(*map(Text, cells))
    return table


_NUMBERS = ("best_epoch", "epochs", "seconds")


def _state(row: dict[str, Any]) -> str:
    """``complete``, or ``complete: early_stopping`` where the reason says more than the state."""
    state, reason = str(row["state"]).lower(), row["stop_reason"]
    said = state if reason in (None, "finished", state) else f"{state}: {reason}"
    if row["state"] == "COMPLETE" and row.get("feasible") is False:
        said = f"{said} (infeasible)"
    if row.get("front"):
        said = f"{said} (front)"
    return f"{said} (outside)" if row["outside"] else said
