"""The Optuna study of a sweep: its storage, its one writer, its readers."""

from sweeps.study.generations import Descent, Generation
from sweeps.study.journal import cut_torn_line
from sweeps.study.lock import RunLock, is_locked
from sweeps.study.reader import read_end, read_records
from sweeps.study.record import Inheritance, TrialRecord, best_of, is_better
from sweeps.study.store import StudyStore

__all__ = [
    "Descent",
    "Generation",
    "Inheritance",
    "RunLock",
    "StudyStore",
    "TrialRecord",
    "best_of",
    "cut_torn_line",
    "is_better",
    "is_locked",
    "read_end",
    "read_records",
]
