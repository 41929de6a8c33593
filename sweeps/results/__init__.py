"""Tables, winner and model of a sweep; the one home of pandas and Arrow."""

from __future__ import annotations

from sweeps.results.layout import Layout
from sweeps.results.results import Results, load
from sweeps.results.winner import Winner
from sweeps.results.writer import TableWriter, journal_stamp

__all__ = ["Layout", "Results", "TableWriter", "Winner", "journal_stamp", "load"]
