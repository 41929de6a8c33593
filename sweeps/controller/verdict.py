"""How an attempt's outcome and the controller's own Stop become a state: the only place that decides it."""

from __future__ import annotations

from dataclasses import dataclass

from sweeps.messages import Died, Interrupted, Outcome, Raised, State, Stop
from sweeps.study.record import TrialRecord

LOSSES = 3  # machines that one trial may lose without an epoch in between


@dataclass(frozen=True, slots=True)
class Verdict:
    """The state an attempt ends in. A FAILED one may still be retried; ``again``: it goes on in any case."""

    state: State
    reason: str
    error: str | None = None
    again: bool = False


def verdict_of(record: TrialRecord, stop: Stop | None, outcome: Outcome, *, paused: bool = False) -> Verdict:
    """A decision that was sent stands, whatever the function did after it; its error is kept all the same.

    ``paused``: the attempt was to end where it did, for its trial to go on later.
    """
    error = outcome.message if isinstance(outcome, Raised | Died) else None
    if stop is not None:
        return _stopped(stop, record, error)
    if isinstance(outcome, Died) and outcome.kind == "lost":
        return Verdict("INTERRUPTED", "interrupted", outcome.message, again=True)
    if isinstance(outcome, Raised) and outcome.kind == "disk":
        return Verdict("INTERRUPTED", "interrupted", outcome.message)
    if isinstance(outcome, Raised | Died):
        return Verdict("FAILED", outcome.kind, outcome.message)
    if isinstance(outcome, Interrupted):
        return Verdict("INTERRUPTED", "interrupted")
    if paused:
        return Verdict("INTERRUPTED", "paused")
    if not record.values:
        return Verdict(
            "FAILED",
            "error",
            "the training function must report every epoch, and it returned without any report",
        )
    return Verdict("COMPLETE", "finished")


def _stopped(stop: Stop, record: TrialRecord, error: str | None) -> Verdict:
    if stop.goes_on_later:
        return Verdict("INTERRUPTED", "interrupted", error)
    if stop.reason == "nonfinite":
        return Verdict("FAILED", "nonfinite", record.error)
    return Verdict("COMPLETE" if stop.keeps_best else "PRUNED", stop.reason, error)


def bound_losses(record: TrialRecord, verdict: Verdict) -> Verdict:
    """Count a lost machine. A trial that takes down each one it runs on must not go on for ever; one that
    trains may.
    """
    times = record.failures["lost"] = record.failures.get("lost", 0) + 1
    if times <= LOSSES + record.epochs:
        return verdict
    rule = f"a trial may lose its machine once an epoch and {LOSSES} times besides"
    return Verdict("FAILED", "crash", f"{verdict.error}; {rule}, and this one did {times} times")
