"""Optuna's states in the words of the tables."""

from __future__ import annotations

from collections.abc import Mapping

from optuna.trial import TrialState

from sweeps.messages import State

STATES: Mapping[TrialState, State] = {
    TrialState.COMPLETE: "COMPLETE",
    TrialState.PRUNED: "PRUNED",
    TrialState.FAIL: "FAILED",
    TrialState.WAITING: "INTERRUPTED",
    TrialState.RUNNING: "RUNNING",
}
