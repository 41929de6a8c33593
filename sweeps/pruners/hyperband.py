"""Hyperband: successive halving with several first rungs at once, as an incremental structure.

Li et al., "Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization", JMLR 18, 2018, made
asynchronous as Optuna's `HyperbandPruner` makes it: bracket by bracket the same rungs, the same shares of
the trials, and the same decisions.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import accumulate
from zlib import crc32

from sweeps.components import check_least
from sweeps.messages import Goal
from sweeps.pruners.rungs import Halving, Ladder, Rung, check_halving


class Hyperband(Halving):
    """Each trial is in one bracket, and is compared with those of its bracket only.

    Bracket b has its rungs at ``min_resource * reduction_factor**(b + k)`` epochs, below the last epoch. As
    in Optuna, a trial's bracket is drawn by the CRC-32 of the study's name and its number, so it depends on
    neither the seed nor the time. A report costs O(log n), a trial takes 8 bytes a rung and 30 to 60 for its
    place.

    Two things, which hold of `Asha` too, are not as in Optuna, where a trial stands on a rung only if its
    pruner was asked there and had not stopped it on a lower one by the same report. A COMPLETE trial, which
    may have stopped early, stands on all higher rungs with its best, since the others are to be measured by
    the good ones too; and a report that skips epochs counts on every rung it passes, since nothing in the
    study says which of them ended the trial, and a resumed sweep must decide as one that was never
    interrupted.

    Args:
        epochs: the sweep's epochs.
        min_resource: the first rung of the first bracket, from 1 to ``epochs``.
        reduction_factor: one in this many goes on, >= 2.
        bootstrap_count: a rung promotes nobody before more than this many trials have reached it, >= 0: the
            first ones all end there.
        study: the study's name.

    Raises:
        UsageError: an argument outside its range.
    """

    name = "hyperband"

    def __init__(
        self,
        *,
        goal: Goal,
        epochs: int,
        min_resource: int = 1,
        reduction_factor: int = 3,
        bootstrap_count: int = 0,
        study: str = "",
    ) -> None:
        check_halving(epochs, reduction_factor, min_resource=min_resource)
        check_least(0, bootstrap_count=bootstrap_count)
        super().__init__(goal, epochs)
        self._reduction_factor = reduction_factor
        self._bootstrap_count = bootstrap_count
        self._study = study
        # The logarithm may fall short of a whole number, and Optuna's brackets are counted by it.
        brackets = math.floor(math.log(epochs / min_resource, reduction_factor)) + 1
        firsts = [min_resource * reduction_factor**bracket for bracket in range(brackets)]
        self._ladders = [Ladder(first, reduction_factor, epochs, Rung) for first in firsts]
        halvings = range(brackets - 1, -1, -1)
        sizes = (math.ceil(brackets * reduction_factor**s / (s + 1)) for s in halvings)
        self._bounds = list(accumulate(sizes))

    def bracket(self, trial: int) -> int:
        """From 0, which starts at ``min_resource`` epochs."""
        drawn = crc32(f"{self._study}_{trial}".encode()) % self._bounds[-1]
        return bisect_right(self._bounds, drawn)

    def ladder(self, trial: int) -> Ladder[Rung]:
        return self._ladders[self.bracket(trial)]

    def stops(self, rung: Rung, loss: float) -> bool:
        few = len(rung.losses) <= self._bootstrap_count
        return few or not rung.promotes(loss, self._reduction_factor)
