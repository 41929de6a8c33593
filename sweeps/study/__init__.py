"""The Optuna study of a sweep: its storage, its one writer, its readers."""

from sweeps.study.generations import Descent, Generation
from sweeps.study.history import TimeStep, TrialStep, read_history
from sweeps.study.lock import RunLock, is_locked
from sweeps.study.objectives import Losses, Objectives
from sweeps.study.reader import STOPPED, as_shown, read_end, read_reason, read_records, read_stored
from sweeps.study.record import Further, Inheritance, TrialRecord, best_of, is_better
from sweeps.study.rewrite import back_up, write_edited
from sweeps.study.store import STUDY_VERSION, StudyStore
from sweeps.study.whole import begun_attempts, holds_trials

__all__ = [
    "STOPPED",
    "STUDY_VERSION",
    "Descent",
    "Further",
    "Generation",
    "Inheritance",
    "Losses",
    "Objectives",
    "RunLock",
    "StudyStore",
    "TimeStep",
    "TrialRecord",
    "TrialStep",
    "as_shown",
    "back_up",
    "begun_attempts",
    "best_of",
    "holds_trials",
    "is_better",
    "is_locked",
    "read_end",
    "read_history",
    "read_reason",
    "read_records",
    "read_stored",
    "write_edited",
]
