"""What the controller asks of a pruner."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from sweeps.study.record import TrialRecord


class Pruner(Protocol):
    """Decides, report by report, which trials end early. Lives in the controller's thread.

    ``name`` is the stop reason of the trials it prunes.
    """

    name: str

    def report(self, trial: int, epoch: int, best: float) -> bool:
        """Whether to prune ``trial``, whose best objective up to ``epoch`` is ``best``.

        Called once a reported epoch, after the study holds its value, the last epoch excepted.
        """

    def ended(self, record: TrialRecord) -> None:
        """A trial has ended. If it is COMPLETE it stands at every rung it did not reach with its best."""

    def replay(self, records: Iterable[TrialRecord]) -> None:
        """Rebuild the state from a study that was written before, in order of trial numbers."""


class NoPruner:
    """Every trial runs to its end."""

    name = "none"

    def report(self, trial: int, epoch: int, best: float) -> bool:
        return False

    def ended(self, record: TrialRecord) -> None:
        pass

    def replay(self, records: Iterable[TrialRecord]) -> None:
        pass
