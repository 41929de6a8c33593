"""The worker's side of a sweep: the Trial a training function receives, and how one attempt of it is run.

Nothing here imports torch or NumPy before a function passes objects to ``trial.epochs``.
"""

from __future__ import annotations

from sweeps.trial.attempt import Overdue, run_attempt
from sweeps.trial.config import Config
from sweeps.trial.target import check_target, load_function, source_hash
from sweeps.trial.trial import Channel, Trial
from sweeps.trial.world import World

__all__ = [
    "Channel",
    "Config",
    "Overdue",
    "Trial",
    "World",
    "check_target",
    "load_function",
    "run_attempt",
    "source_hash",
]
