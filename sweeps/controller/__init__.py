"""The controller: ask, report, finish."""

from sweeps.controller.budget import Clock
from sweeps.controller.controller import Controller
from sweeps.controller.early_stopping import stale_epochs, stops_early
from sweeps.controller.events import (
    EpochReported,
    Event,
    Exploited,
    MessageIgnored,
    Observer,
    SweepEnded,
    SweepStarted,
    Ticked,
    TrialEnded,
    TrialStarted,
)

__all__ = [
    "Clock",
    "Controller",
    "EpochReported",
    "Event",
    "Exploited",
    "MessageIgnored",
    "Observer",
    "SweepEnded",
    "SweepStarted",
    "Ticked",
    "TrialEnded",
    "TrialStarted",
    "stale_epochs",
    "stops_early",
]
