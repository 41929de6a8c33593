"""A worker's way to the controller: the link to its driver."""

from __future__ import annotations

from collections.abc import Mapping

from sweeps.engines.local.link import Link
from sweeps.messages import Decision, Interrupted, Outcome, Raised, Stop, TrialSpec


class LinkChannel:
    """One message there, one back."""

    def __init__(self, link: Link, spec: TrialSpec) -> None:
        self._link = link
        self._spec = spec
        self._interrupted = False  # whether the trial was told to stop for now

    def report(self, epoch: int, metrics: Mapping[str, float]) -> Decision:
        decision = self._ask(epoch, metrics)
        self._interrupted = isinstance(decision, Stop) and decision.reason == "interrupted"
        return decision

    def settled(self, outcome: Outcome) -> Outcome:
        """``outcome``, unless the function says that it was interrupted and was not.

        Ctrl-C never reaches a worker: the function raised it by itself, and would do so again for ever.
        """
        if isinstance(outcome, Interrupted) and not self._interrupted:
            return Raised("error", "KeyboardInterrupt")
        return outcome

    def _ask(self, epoch: int, metrics: Mapping[str, float]) -> Decision:
        self._link.send(("report", self._spec.number, self._spec.attempt, epoch, metrics))
        decision: Decision = self._link.receive()
        return decision
