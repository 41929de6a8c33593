"""Population-based training: trials wait for each other, and the worst go on as descendants of the best.

Jaderberg et al., "Population Based Training of Neural Networks", arXiv:1711.09846, 2017, with truncation
selection, in generations: at every multiple of ``interval`` epochs each trial is saved and waits. When none
of them runs any more, they are ranked by the objective at that very epoch, whose weights are handed on (not
by their best so far). Each of the worst gets one of the best as its parent: its state, and its configuration,
explored. So the result depends on the seed, the trial's number and the generation, never on who was faster.

A trial that failed, stopped early or ended by itself has left the population. One that is to be retried has
not: the others wait for it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from sweeps.controller.explore import Explorer
from sweeps.messages import Exploit, Goal
from sweeps.paths import RunPaths
from sweeps.pruners import Pbt, Pruner
from sweeps.seeding import generator
from sweeps.spec import SweepSpec
from sweeps.study import Descent, Generation, StudyStore, TrialRecord
from sweeps.trial.handover import HandOver

_POPULATION = 2  # a key that sets these draws apart from configurations' and trainings'


class Policy(Protocol):
    """What the controller asks about trials that may depend on each other."""

    out_of_time: str  # the stop reason of a trial that runs when budget.wall is spent
    independent: bool  # whether no trial waits for another

    def pause_at(self, record: TrialRecord) -> int | None:
        """The epoch after which the trial is to wait for others; None if it runs to its end."""

    def holds(self, record: TrialRecord) -> bool:
        """Whether a trial that does not run has to wait for others."""

    def exploit(self, record: TrialRecord) -> Exploit | None:
        """Whose state the trial goes on from."""

    def turn(self, records: Sequence[TrialRecord]) -> Generation | None:
        """Decide the next generation if all its trials wait for it; ``records`` are all of the sweep's."""


class Alone:
    """Every trial for itself."""

    out_of_time = "budget"
    independent = True

    def pause_at(self, record: TrialRecord) -> int | None:
        return None

    def holds(self, record: TrialRecord) -> bool:
        return False

    def exploit(self, record: TrialRecord) -> Exploit | None:
        return None

    def turn(self, records: Sequence[TrialRecord]) -> Generation | None:
        return None


class Population:
    """The policy of `pruner: pbt`. Its whole state is in the records."""

    # Nobody has an advantage when time is up: all go on if they are given more.
    out_of_time = "paused"
    independent = False

    def __init__(
        self, pbt: Pbt, spec: SweepSpec, paths: RunPaths, store: StudyStore, hand_over: HandOver
    ) -> None:
        self._pbt = pbt
        self._explorer = Explorer(spec.space, pbt)
        self._seed = spec.seed
        self._goal = spec.metric.goal
        self._epochs = spec.epochs
        self._paths = paths
        self._store = store
        self._hand_over = hand_over

    def pause_at(self, record: TrialRecord) -> int | None:
        epoch = record.passed + self._pbt.interval
        return epoch if epoch < self._epochs else None

    def holds(self, record: TrialRecord) -> bool:
        return record.stop_reason == "paused" and record.epochs > record.passed

    def exploit(self, record: TrialRecord) -> Exploit | None:
        if not record.inherited:
            return None
        latest = record.inherited[-1]
        return Exploit(latest.parent, latest.epoch)

    def turn(self, records: Sequence[TrialRecord]) -> Generation | None:
        """The hand-over comes before the record: killed between them, it is decided and done once more."""
        members = self._members(records)
        if not members or not all(self.holds(member) for member in members):
            return None
        generation = self._decide(members)
        for descent in generation.exploits:
            self._hand_over(self._paths.trial(descent.parent), self._paths.trial(descent.trial))
        self._store.write_generation(generation)
        generation.apply(records)
        return generation

    def _members(self, records: Sequence[TrialRecord]) -> list[TrialRecord]:
        """The trials whose next comparison is the nearest; late ones catch up before they meet the others."""
        pauses = {r.number: self.pause_at(r) for r in records if not r.ended}
        nearest = min((epoch for epoch in pauses.values() if epoch is not None), default=None)
        return [r for r in records if nearest is not None and pauses.get(r.number) == nearest]

    def _decide(self, members: Sequence[TrialRecord]) -> Generation:
        epoch = members[0].epochs
        ranked = rank(members, epoch, self._goal)
        count = replaced(len(ranked), self._pbt.quantile)
        best, worst = ranked[:count], sorted(ranked[len(ranked) - count :], key=lambda r: r.number)
        exploits = [self._descend(record, best, epoch) for record in worst]
        return Generation(epoch, [record.number for record in members], exploits)

    def _descend(self, record: TrialRecord, best: Sequence[TrialRecord], epoch: int) -> Descent:
        rng = generator(self._seed, record.number, epoch // self._pbt.interval, _POPULATION)
        parent = best[int(rng.integers(len(best)))]
        return Descent(record.number, parent.number, self._explorer.explore(parent.params, rng))


def rank(members: Sequence[TrialRecord], epoch: int, goal: Goal) -> list[TrialRecord]:
    """Best first by the objective at ``epoch``; of equal ones the lower number comes first."""
    sign = 1.0 if goal == "minimize" else -1.0
    return sorted(members, key=lambda record: (sign * record.values[epoch], record.number))


def replaced(members: int, quantile: float) -> int:
    """How many of so many are replaced: their share, rounded up, but never one of the best."""
    return min(math.ceil(round(quantile * members, 9)), members // 2)


def policy_of(
    pruner: Pruner, spec: SweepSpec, paths: RunPaths, store: StudyStore, hand_over: HandOver
) -> Policy:
    """How the trials of a sweep with this pruner depend on each other."""
    return Population(pruner, spec, paths, store, hand_over) if isinstance(pruner, Pbt) else Alone()
