"""The controller: ask, report, finish."""

from sweeps.clock import Clock
from sweeps.controller.controller import Controller
from sweeps.controller.early_stopping import stale_epochs, stops_early
from sweeps.controller.events import (
    Edited,
    EpochReported,
    Event,
    Exploited,
    FinalsEnded,
    FinalsStarted,
    MessageIgnored,
    Noted,
    Observer,
    SlotClosed,
    SweepEnded,
    SweepHalted,
    SweepStarted,
    Ticked,
    TrialEnded,
    TrialStarted,
)
from sweeps.controller.failures import cause_of

__all__ = [
    "Clock",
    "Controller",
    "Edited",
    "EpochReported",
    "Event",
    "Exploited",
    "FinalsEnded",
    "FinalsStarted",
    "MessageIgnored",
    "Noted",
    "Observer",
    "SlotClosed",
    "SweepEnded",
    "SweepHalted",
    "SweepStarted",
    "Ticked",
    "TrialEnded",
    "TrialStarted",
    "cause_of",
    "stale_epochs",
    "stops_early",
]
