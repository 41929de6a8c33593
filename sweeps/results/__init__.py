"""Tables, winner and model of a sweep; the one home of pandas and Arrow."""

from __future__ import annotations

from sweeps.results.audit import differing_tables, unreadable_tables
from sweeps.results.csv_cells import safe_cells
from sweeps.results.layout import Layout
from sweeps.results.results import Results, load
from sweeps.results.winner import Winner
from sweeps.results.writer import TableWriter, journal_stamp

__all__ = [
    "Layout",
    "Results",
    "TableWriter",
    "Winner",
    "differing_tables",
    "journal_stamp",
    "load",
    "safe_cells",
    "unreadable_tables",
]
