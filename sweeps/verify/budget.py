"""I3: no more trials and epochs than the budget allows, and no start after its time was over.

A budget may be raised and lowered between runs. Each new trial is held against what its run was given, as the
run told it in events.jsonl when it began; all else against the largest that ever was in force.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from sweeps.study import TimeStep
from sweeps.verify.evidence import Evidence
from sweeps.verify.finding import Check, Finding, untold


def the_budget_is_exact(evidence: Evidence) -> Check:
    findings = [*_beyond_their_run(evidence), *_beyond_all(evidence), *_after_the_end(evidence)]
    database = None if evidence.history is not None else "starts after the time was over: it is in a database"
    return Check("I3", "no trial was started beyond the budget", findings, untold(database, evidence.silent))


def _beyond_their_run(evidence: Evidence) -> Iterator[Finding]:
    limit = inf
    for event in evidence.events:
        if event["event"] == "SweepStarted":
            limit = _or_inf(event["budget_trials"])
        elif event["event"] == "TrialStarted" and event["attempt"] == 1 and event["number"] >= limit:
            yield Finding("I3", f"started, and budget.trials was {limit:.0f}", event["number"])


def _beyond_all(evidence: Evidence) -> Iterator[Finding]:
    used = {
        "trials": len(evidence.stored),
        "epochs": sum(record.epochs for record in evidence.stored),
    }
    for key, amount in used.items():
        if amount > (limit := _largest(evidence, key)):
            told = f"the study holds {amount} {key}, and budget.{key} was never above {limit:.0f}"
            yield Finding("I3", told)


def _after_the_end(evidence: Evidence) -> Iterator[Finding]:
    """The study's own clock, in its own order: nobody's wall clock is asked."""
    wall, gpu_hours = _largest(evidence, "wall"), _largest(evidence, "gpu_hours")
    now = TimeStep(0.0, 0.0, None)
    for step in evidence.history or ():
        if isinstance(step, TimeStep):
            now = step
        elif step.state == "RUNNING" and now.elapsed >= wall:
            told = f"began when {now.elapsed:g} s of a budget.wall of {wall:g} s were used"
            yield Finding("I3", told, step.number)
        elif step.state == "RUNNING" and now.gpu_seconds >= 3600 * gpu_hours:
            told = f"began when {now.gpu_seconds / 3600:g} of {gpu_hours:g} budget.gpu_hours were used"
            yield Finding("I3", told, step.number)


def _largest(evidence: Evidence, key: str) -> float:
    """The largest part ``key`` of the budget that was ever in force."""
    limits = [_or_inf(getattr(evidence.spec.budget, key))]
    limits += [_or_inf(event.get("budget", {}).get(key)) for event in evidence.events_of("SweepStarted")]
    return max(limits)


def _or_inf(limit: float | None) -> float:
    return inf if limit is None else limit
