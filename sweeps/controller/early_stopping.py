"""The early-stopping rule, as one pure function of the curve."""

from __future__ import annotations

from collections.abc import Mapping

from sweeps.messages import Goal


def stale_epochs(values: Mapping[int, float], goal: Goal, min_delta: float = 0.0) -> int:
    """How many epochs have been reported since the objective last improved by more than ``min_delta``.

    Prechelt, "Early Stopping - but when?", 1998 (the patience rule). The reference moves only when it is
    beaten by more than ``min_delta``, so a slow creep below it does not count as progress. A value that is
    not a number never improves.

    Args:
        values: epoch (1, 2, ...) -> objective.
        min_delta: >= 0, in the objective's unit.
    """
    sign = 1.0 if goal == "minimize" else -1.0
    reference, since = float("inf"), 0
    for epoch in sorted(values):
        loss = sign * values[epoch]
        if loss < reference - min_delta:
            reference, since = loss, 0
        else:
            since += 1
    return since


def stops_early(values: Mapping[int, float], goal: Goal, patience: int, min_delta: float = 0.0) -> bool:
    """Whether training ends now: ``patience`` >= 1 epochs in a row brought no improvement."""
    return stale_epochs(values, goal, min_delta) >= patience
