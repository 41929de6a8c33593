"""Tables on stdout: the best trials, for a person."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweeps.cli.console import plain, short
from sweeps.paths import shown

if TYPE_CHECKING:
    import pandas as pd

    from sweeps.results import Results

PIPE_WIDTH = 250  # columns: a table in a pipe is not cut at a terminal's width


def print_top(directory: Path, top: int) -> None:
    """The best trials of a results folder, best first; running and failed ones after them."""
    from sweeps.results import load

    results = load(directory)
    ranked = rank(results)
    print_table(ranked.head(top), results.spec.metric.name)
    if len(ranked) > top:
        print(f"({len(ranked) - top} more: sweep trials {shown(directory)})")


def rank(results: Results) -> pd.DataFrame:
    """The trials table, COMPLETE trials first and the best of them on top."""
    trials = results.trials
    ascending = results.spec.metric.goal == "minimize"
    complete = trials["state"] == "COMPLETE"
    order = trials.assign(_rest=~complete).sort_values(
        ["_rest", "metric", "number"], ascending=[True, ascending, True], na_position="last"
    )
    return order.drop(columns="_rest")


def records(trials: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows as plain values for JSON; what is missing is None."""
    rows: list[dict[str, Any]] = trials.astype(object).where(trials.notna(), None).to_dict("records")
    return [{key: _json(value) for key, value in row.items()} for row in rows]


def _json(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value


def print_table(trials: pd.DataFrame, metric: str) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    params = [name for name in trials.columns if name.startswith("params.")]
    columns = ["number", "state", "stop_reason", "metric", "best_epoch", "epochs", "seconds", *params]
    for name in columns:
        header = metric if name == "metric" else name.removeprefix("params.")
        table.add_column(Text(plain(header)), justify="right" if name not in _WORDS else "left")
    for row in trials[columns].to_dict("records"):
        table.add_row(*(Text(_cell(value)) for value in row.values()))
    console.print(table)


_WORDS = ("state", "stop_reason")


def _cell(value: Any) -> str:
    missing = (
        value is None or (isinstance(value, float) and math.isnan(value)) or type(value).__name__ == "NAType"
    )
    return "-" if missing else short(value)
