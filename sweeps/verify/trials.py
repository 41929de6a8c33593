"""I1 and I2: every trial that ended is there, once; I6: none is said to run that does not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from sweeps.study import TimeStep
from sweeps.verify.evidence import Event, Evidence
from sweeps.verify.finding import Check, Finding, untold

_ENDED = ("COMPLETE", "PRUNED", "FAILED")
_CARRIED = ("state", "stop_reason", "value", "attempt")  # by an event of a trial's end, as by the study


def no_trial_is_lost(evidence: Evidence) -> Check:
    """The study leads: what ended is on the disk there before an event of it is written."""
    findings = [*_ended_otherwise(evidence), *_folders_of_nobody(evidence)]
    return Check("I1", "no finished trial is lost", findings, evidence.silent)


def _ended_otherwise(evidence: Evidence) -> Iterator[Finding]:
    records = {record.number: record for record in evidence.stored}
    for event in evidence.events_of("TrialEnded"):
        if event["state"] not in _ENDED:
            continue
        number, record = event["number"], records.get(event["number"])
        if record is None:
            yield Finding("I1", f"ended as {event['state']}, and the study does not know it", number)
            continue
        for key in _CARRIED:
            if getattr(record, key) != event[key]:
                told = f"{key} was {event[key]!r} when it ended, and is {getattr(record, key)!r} in the study"
                yield Finding("I1", told, number)


def _folders_of_nobody(evidence: Evidence) -> Iterator[Finding]:
    known = {record.number for record in evidence.stored}
    for number in evidence.folders:
        if number not in known:
            message = f"{evidence.paths.trial(number).directory.name} holds files, and the study has no trial"
            yield Finding("warning", f"{message} {number}", number)


def no_trial_counts_twice(evidence: Evidence) -> Check:
    """Numbers without a gap; one end a trial; no attempt begun or ended twice; nothing after the end."""
    findings = [*_gaps(evidence), *_second_ends(evidence), *_replayed(evidence)]
    database = None if evidence.history is not None else "ends in the study: it is in a database"
    what = "trials are numbered 0, 1, 2, ... and none counts twice"
    return Check("I2", what, findings, untold(database, evidence.silent))


def _gaps(evidence: Evidence) -> Iterator[Finding]:
    numbers = [record.number for record in evidence.stored]
    if numbers != list(range(len(numbers))):
        yield Finding("I2", f"the study's trials must be numbered from 0 without a gap, found {numbers}")


def _second_ends(evidence: Evidence) -> Iterator[Finding]:
    """A last state that is written again after a crash between two records is the same one."""
    last: dict[int, str] = {}
    for step in evidence.history or ():
        if isinstance(step, TimeStep):
            continue
        before = last.get(step.number)
        if before in _ENDED:
            yield Finding("I2", f"ended as {before}, and came to {step.state} after that", step.number)
        last[step.number] = step.state


def _replayed(evidence: Evidence) -> Iterator[Finding]:
    begun: Counter[tuple[int, int]] = Counter()
    told: Counter[tuple[int, int]] = Counter()
    over: set[int] = set()
    known = 0  # how many trials the study had when the run began
    for event in evidence.events:
        match event:
            case {"event": "SweepStarted", "trials_started": known}:
                pass
            case {"event": "TrialStarted", "number": number, "attempt": attempt}:
                yield from _begun_again(event, begun, over, known)
                begun[number, attempt] += 1
            case {"event": "TrialEnded", "number": number, "attempt": attempt, "state": state}:
                told[number, attempt] += 1
                if told[number, attempt] > 1:
                    yield Finding("I2", f"attempt {attempt} ended {told[number, attempt]} times", number)
                if state in _ENDED:
                    over.add(number)


def _begun_again(
    event: Event, begun: Counter[tuple[int, int]], over: set[int], known: int
) -> Iterator[Finding]:
    number, attempt = event["number"], event["attempt"]
    if number in over:
        yield Finding("I2", f"began again, as attempt {attempt}, after its end", number)
    # A power cut may take the study's last second: a number that was lost with it is given again.
    elif begun[number, attempt] and number < known:
        yield Finding("I2", f"attempt {attempt} began {begun[number, attempt] + 1} times", number)


def none_is_left_running(evidence: Evidence) -> Check:
    """Without a driver nobody reads RUNNING, and a sweep that came to its end wrote it of no trial."""
    what = "no trial is said to run without a driver"
    if evidence.driven:
        return Check("I6", what, skipped="a driver runs here")
    findings = [
        Finding("I6", "reads as RUNNING, and no driver holds the folder", number)
        for number, state in evidence.table.items()
        if state == "RUNNING"
    ]
    return Check("I6", what, [*findings, *_left_by_a_finished_sweep(evidence)])


def _left_by_a_finished_sweep(evidence: Evidence) -> Iterator[Finding]:
    """A run that was killed leaves RUNNING behind until it is resumed; one that closed does not."""
    for record in evidence.stored if evidence.closed else ():
        if record.state == "RUNNING":
            told = f"is RUNNING in the study, and the last run closed ({evidence.closed})"
            yield Finding("I6", told, record.number)
