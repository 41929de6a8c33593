"""What the controller asks of a sampler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from sweeps.clock import UNLIMITED, TimeLeft
from sweeps.space import Params
from sweeps.study.record import TrialRecord


@dataclass(frozen=True, slots=True)
class Draw:
    """One draw: everything random in it comes from the sampler's seed, ``number`` and ``redraw``."""

    number: int  # the trial it is for
    redraw: int = 0  # how many proposals for this trial were turned down
    within: Mapping[str, Any] = field(default_factory=dict)  # parameters that are given
    left: TimeLeft = UNLIMITED  # for the trial, of the sweep's time


@dataclass(frozen=True, slots=True)
class Proposal:
    """A configuration, and what the sampler wants kept with the trial if it is accepted."""

    params: Params
    attributes: Mapping[str, Any] = field(default_factory=dict)


class Sampler(Protocol):
    """Proposes configurations. Lives in the controller's thread and reads the study; never writes it."""

    def suggest(self, draw: Draw) -> Proposal:
        """A configuration of the space, constraints not checked. A proposal turned down leaves no trace."""

    def observe(self, record: TrialRecord) -> None:
        """How a trial stands now: called when it enters, after each report, and when it ends or waits; on a
        resume once for every trial, in order. ``record`` is the live one.
        """
        return  # most samplers read the study, or nothing
