"""The study's trials as Optuna's samplers get to see them.

- A failure that tells of an infeasible configuration is COMPLETE with the worst objectives there are: at
  failed trials they do not look, and would propose its neighbours for ever.
- How far a trial is from holding each constraint on metrics is where Optuna looks for it. Such a failure is
  as far from it as the farthest trial.
- Of several objectives a PRUNED trial is COMPLETE: Optuna has no pruned trials there, and what it had
  reached is a bound on what it would have.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Sequence

from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from sweeps.samplers.cma_state import StoredTrials
from sweeps.study.record import TrialRecord

_CONSTRAINT = "constraints:"  # Optuna's key, with a name after it


class ShownTrials:
    """``records`` are the live ones, by number; ``infeasible`` are kinds of failures (stop reasons)."""

    def __init__(
        self, records: Sequence[TrialRecord], stored: StoredTrials, infeasible: Collection[str]
    ) -> None:
        self._records = records
        self._stored = stored
        self._infeasible = infeasible
        self._ended: dict[int, FrozenTrial] = {}  # by number; they never change

    def one(self, trial: FrozenTrial) -> FrozenTrial:
        """A trial by itself: of a failure nothing is made."""
        known = self._ended.get(trial.number)
        if known is not None:
            return known
        shown = self._shown(self._stored.seen(trial))
        if shown.state.is_finished():
            self._ended[shown.number] = shown
        return shown

    def _shown(self, seen: FrozenTrial) -> FrozenTrial:
        several = seen.values is not None and len(seen.values) > 1
        excess = self._records[seen.number].excess if seen.state.is_finished() else ()
        if not excess and not (several and seen.state == TrialState.PRUNED):
            return seen
        shown = copy.copy(seen)
        shown.state = TrialState.COMPLETE if several else seen.state
        shown.system_attrs = {**seen.system_attrs, **_constraints(excess)}
        return shown

    def all(self, trials: Sequence[FrozenTrial], directions: Sequence[StudyDirection]) -> list[FrozenTrial]:
        """``trials``, the infeasible failures among them too, once there is something to give them."""
        shown = [self.one(trial) for trial in trials]
        marked = [
            trial.state == TrialState.FAIL and self._reason(trial) in self._infeasible for trial in shown
        ]
        known = [trial.values for trial in shown if trial.state == TrialState.COMPLETE and trial.values]
        if not known or not any(marked):
            return shown
        worst = [
            (min if direction == StudyDirection.MAXIMIZE else max)(column)
            for direction, column in zip(directions, zip(*known, strict=True), strict=True)
        ]
        farthest = [max(column) for column in zip(*self._excesses(), strict=True)]
        return [_completed(t, worst, farthest) if mark else t for t, mark in zip(shown, marked, strict=True)]

    def _excesses(self) -> list[tuple[float, ...]]:
        return [record.excess for record in self._records if record.excess]

    def _reason(self, trial: FrozenTrial) -> str | None:
        """What it failed of; None outside of an edited space, of which there is nothing to learn."""
        if trial.user_attrs.get("outside", False):
            return None
        reason: str | None = trial.user_attrs["sweeps"]["stop_reason"]
        return reason


def _completed(trial: FrozenTrial, values: Sequence[float], excess: Sequence[float]) -> FrozenTrial:
    shown = copy.copy(trial)
    shown.state, shown.values = TrialState.COMPLETE, [float(value) for value in values]
    shown.system_attrs = {**trial.system_attrs, **_constraints(excess)}
    return shown


def _constraints(excess: Sequence[float]) -> dict[str, float]:
    return {f"{_CONSTRAINT}{place}": value for place, value in enumerate(excess)}
