"""The journal as a history: what was written of the sweep's trials and of its time, in order.

Optuna's replay of a journal ends with what stands; a second finish, or a start after the budget was spent,
leaves no trace in that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.trial import TrialState

from sweeps.messages import State
from sweeps.study.checked import replayed
from sweeps.study.journal import CREATE_TRIAL, read_journal
from sweeps.study.states import STATES

# Optuna's operations, as they stand in the file.
_CREATE_STUDY, _STUDY_ATTRIBUTE, _TRIAL_STATE = 0, 2, 6


@dataclass(frozen=True, slots=True)
class TrialStep:
    """Trial ``number`` came to ``state``."""

    number: int
    state: State
    first: bool  # whether it came to be with this


@dataclass(frozen=True, slots=True)
class TimeStep:
    """What the sweep had used: wall time, and GPUs times time; ``ended`` is why it ended, if it had."""

    elapsed: float  # seconds
    gpu_seconds: float
    ended: str | None


def read_history(path: Path, name: str) -> list[TrialStep | TimeStep]:
    """Every step of the study called ``name``.

    Raises:
        CorruptStudyError: a line is not a record.
    """
    with replayed():
        return [*_steps(path, name)]


def _steps(path: Path, name: str) -> Iterator[TrialStep | TimeStep]:
    studies: list[str] = []
    numbers: dict[int, int] = {}  # Optuna's id of a trial -> its number in this study
    trials = 0
    for record in read_journal(path):
        kind = record["op_code"]
        if kind == _CREATE_STUDY:
            studies.append(record["study_name"])
        elif kind == CREATE_TRIAL:
            if studies[record["study_id"]] == name:
                numbers[trials] = len(numbers)
                yield TrialStep(numbers[trials], _state(record), first=True)
            trials += 1
        elif kind == _TRIAL_STATE and record["trial_id"] in numbers:
            yield TrialStep(numbers[record["trial_id"]], _state(record), first=False)
        elif kind == _STUDY_ATTRIBUTE and studies[record["study_id"]] == name:
            yield from _time(record["user_attr"])


def _state(record: dict[str, Any]) -> State:
    state: State = STATES[TrialState(record["state"])]
    return state


def _time(attribute: dict[str, Any]) -> Iterator[TimeStep]:
    if "sweeps" in attribute:
        told = attribute["sweeps"]
        yield TimeStep(float(told["elapsed"]), float(told.get("gpu_seconds", 0.0)), told["ended"])
