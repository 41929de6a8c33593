"""Whether a trial that has just reported goes on: its own curve first, then the others' curves."""

from __future__ import annotations

from sweeps.controller.early_stopping import stops_early
from sweeps.messages import Continue, Stop
from sweeps.pruners import Pruner
from sweeps.spec import SweepSpec
from sweeps.study import TrialRecord

CONTINUE = Continue()


class Judge:
    """Early stopping and pruning of one sweep. It decides; what a decision means is the controller's."""

    def __init__(self, spec: SweepSpec, pruner: Pruner) -> None:
        self._rule = spec.early_stopping
        self._goal = spec.metric.goal
        self._epochs = spec.epochs
        self._pruner = pruner

    def decide(self, record: TrialRecord, epoch: int) -> Continue | Stop:
        """What follows from ``record``, whose latest epoch is ``epoch``; the last epoch ends by itself."""
        if epoch >= self._epochs:
            return CONTINUE
        if self._stops_early(record, epoch):
            return Stop("early_stopping")
        if self._pruner.report(record.number, epoch, self._best_until(record, epoch)):
            return Stop(self._pruner.name)
        return CONTINUE

    def _stops_early(self, record: TrialRecord, epoch: int) -> bool:
        if self._rule is None:
            return False
        curve = {e: value for e, value in record.values.items() if e <= epoch}
        return stops_early(curve, self._goal, self._rule.patience, self._rule.min_delta)

    def _best_until(self, record: TrialRecord, epoch: int) -> float:
        """The best objective so far; epochs that a re-run has still to overwrite do not count."""
        if record.best_epoch is not None and record.best_epoch <= epoch and record.value is not None:
            return record.value
        best = min if self._goal == "minimize" else max
        return best(value for e, value in record.values.items() if e <= epoch)
