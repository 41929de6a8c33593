"""The front of a sweep as a table: what no other trial beats in every objective."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute

from sweeps.results.layout import Layout


def front_columns(layout: Layout, columns: Sequence[str]) -> list[str]:
    """Of the trials' ``columns`` those of the front's table: the trial, its objectives, its parameters."""
    objectives = [f"best.{name}" for name in (layout.metric, *layout.further)]
    own = ["number", *objectives, "best_epoch", "epochs", "seconds"]
    params = [name for name in columns if name.startswith("params.")]
    return [name for name in (*own, *params) if name in columns]


def front_table(trials: pa.Table, layout: Layout) -> pa.Table:
    """The trials of the front, the best by the leading metric first."""
    among = trials.filter(pa.compute.fill_null(trials["front"], False))
    orders = [(f"best.{name}", _order(goal)) for name, goal in layout.goals.items()]
    by = [(name, order) for name, order in orders if name in among.column_names]
    return among.sort_by([*by, ("number", "ascending")]).select(front_columns(layout, among.column_names))


def _order(goal: str) -> str:
    return "ascending" if goal == "minimize" else "descending"
