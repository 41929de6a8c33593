"""Whether a results folder keeps what docs/guarantees.md promises: read only, no code of the user's run."""

from __future__ import annotations

from sweeps.verify.finding import Check, Finding
from sweeps.verify.report import Report, check_invariants, inspect, verify

__all__ = ["Check", "Finding", "Report", "check_invariants", "inspect", "verify"]
