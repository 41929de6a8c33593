"""Asynchronous successive halving, in its stopping form, as an incremental structure.

Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020 (algorithm 2, where a trial
that is not promotable is stopped rather than paused). As there, a trial is compared with whatever has come
to the rung before it: who is late, or was started out of turn, meets the same rung as all others, and its
result counts for those that come after it, also where it ended by it.
"""

from __future__ import annotations

from sweeps.components import check_least
from sweeps.messages import Goal
from sweeps.pruners.rungs import Halving, Ladder, Rung, check_halving


class Asha(Halving):
    """Stops a trial at a rung unless it is among the best there.

    Rungs stand at ``min_epochs * reduction_factor**k`` epochs, below the last epoch; a report costs
    O(log n), a trial takes 8 bytes a rung and 30 to 60 for its place.

    Args:
        epochs: the sweep's epochs.
        min_epochs: the first rung, from 1 to ``epochs``.
        reduction_factor: one in this many goes on, >= 2.
        startup_trials: a rung decides nothing before more than this many trials have reached it, >= 0.

    Raises:
        UsageError: an argument outside its range.
    """

    name = "asha"

    def __init__(
        self,
        *,
        goal: Goal,
        epochs: int,
        min_epochs: int = 1,
        reduction_factor: int = 3,
        startup_trials: int = 0,
    ) -> None:
        check_halving(epochs, reduction_factor, min_epochs=min_epochs)
        check_least(0, startup_trials=startup_trials)
        super().__init__(goal, epochs)
        self._reduction_factor = reduction_factor
        self._startup_trials = startup_trials
        self._ladder = Ladder(min_epochs, reduction_factor, epochs, Rung)

    @property
    def rungs(self) -> list[Rung]:
        """From the lowest to the highest."""
        return self._ladder.rungs

    def ladder(self, trial: int) -> Ladder[Rung]:
        return self._ladder

    def stops(self, rung: Rung, loss: float) -> bool:
        if len(rung.losses) <= self._startup_trials:
            return False
        return not rung.promotes(loss, self._reduction_factor)
