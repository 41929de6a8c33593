"""How the learning rate changes from step to step and from epoch to epoch."""

from trainer.schedules.adapters import PerEpoch, PerStep
from trainer.schedules.formulas import Length, factor
from trainer.schedules.schedule import Configured, Schedule, build_schedule

__all__ = ["Configured", "Length", "PerEpoch", "PerStep", "Schedule", "build_schedule", "factor"]
