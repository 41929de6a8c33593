"""I3: no more trials were started than the budget allows, and none after its time was over.

A budget may be raised and lowered between runs, so each start is held against what was in force at it, as the
run told it in events.jsonl when it began; where that is not known, against the largest that ever was.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from sweeps.study import TimeStep
from sweeps.verify.evidence import Evidence
from sweeps.verify.finding import Check, Finding


def the_budget_is_exact(evidence: Evidence) -> Check:
    findings = [*_beyond_their_run(evidence), *_beyond_all(evidence), *_after_the_wall(evidence)]
    skipped = None if evidence.history is not None else "starts after budget.wall: the study is in a database"
    return Check("I3", "no trial was started beyond the budget", findings, skipped)


def _beyond_their_run(evidence: Evidence) -> Iterator[Finding]:
    limit = inf
    for event in evidence.events:
        if event["event"] == "SweepStarted":
            limit = _or_inf(event["budget_trials"])
        elif event["event"] == "TrialStarted" and event["attempt"] == 1 and event["number"] >= limit:
            yield Finding("I3", f"started, and budget.trials was {limit:.0f}", event["number"])


def _beyond_all(evidence: Evidence) -> Iterator[Finding]:
    limits = [_or_inf(evidence.spec.budget.trials)]
    limits += [_or_inf(event["budget_trials"]) for event in evidence.events_of("SweepStarted")]
    if len(evidence.stored) > max(limits):
        held = f"the study holds {len(evidence.stored)} trials"
        yield Finding("I3", f"{held}, and budget.trials was never above {max(limits):.0f}")


def _after_the_wall(evidence: Evidence) -> Iterator[Finding]:
    """The study's own clock, in its own order: nobody's wall clock is asked."""
    limits = [_or_inf(evidence.spec.budget.wall)]
    limits += [_or_inf(event.get("budget_wall")) for event in evidence.events_of("SweepStarted")]
    used = 0.0
    for step in evidence.history or ():
        if isinstance(step, TimeStep):
            used = step.elapsed
        elif step.state == "RUNNING" and used >= max(limits):
            told = f"began when {used:g} s of a budget.wall of {max(limits):g} s were used"
            yield Finding("I3", told, step.number)


def _or_inf(limit: float | None) -> float:
    return inf if limit is None else limit
