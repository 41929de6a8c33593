"""What a look at a results folder gives: one check an invariant, each with what it found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that breaks an invariant, or, with "warning", that should be known and breaks none."""

    invariant: str  # "I1" to "I8", or "warning"
    message: str
    trial: int | None = None  # the one it is about, if it is about one

    def __str__(self) -> str:
        of = "" if self.trial is None else f" trial {self.trial}:"
        return f"{self.invariant}:{of} {self.message}"


@dataclass(frozen=True, slots=True)
class Check:
    """One invariant that was looked at.

    ``skipped`` says what of it could not be told from this folder, on this machine or at this moment.
    """

    invariant: str
    what: str  # "no finished trial is lost"
    findings: Sequence[Finding] = ()
    skipped: str | None = None


def untold(*parts: str | None) -> str | None:
    """All that cannot be told, as one text for `Check.skipped`."""
    return "; ".join(part for part in parts if part is not None) or None
