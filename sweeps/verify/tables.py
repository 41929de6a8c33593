"""I5: the tables read back, and equal the study; and what of the trials' facts should make one look again."""

from __future__ import annotations

from collections import defaultdict

from sweeps.results import differing_tables, unreadable_tables
from sweeps.trial.facts import Fact, read_facts
from sweeps.verify.evidence import Evidence
from sweeps.verify.finding import Check, Finding

_NAMED = 5  # trials that a message names


def the_tables_equal_the_study(evidence: Evidence) -> Check:
    what = "the tables read back and equal the study"
    unreadable = [Finding("I5", line) for line in unreadable_tables(evidence.paths)]
    if unreadable:
        return Check("I5", what, unreadable)
    differing = differing_tables(evidence.paths, evidence.spec, evidence.shown)
    skipped = (
        "equality: they are older than the study, and readers rebuild them" if differing is None else None
    )
    return Check("I5", what, [Finding("I5", line) for line in differing or ()], skipped)


def the_data_stayed_the_same(evidence: Evidence) -> Check:
    """Trials that recorded another `split` were trained on other rows: their objectives do not compare."""
    splits: dict[Fact, list[int]] = defaultdict(list)
    for number in evidence.folders:
        facts = read_facts(evidence.paths.trial(number).facts)
        if "split" in facts:
            splits[facts["split"]].append(number)
    findings = [
        Finding("warning", f"info.split is {split!r} in {_trials(numbers)}: the data were split otherwise")
        for split, numbers in splits.items()
        if len(splits) > 1
    ]
    return Check("split", "all trials saw the same data split", findings)


def _trials(numbers: list[int]) -> str:
    more = f" and {len(numbers) - _NAMED} more" if len(numbers) > _NAMED else ""
    return f"trial {', '.join(map(str, numbers[:_NAMED]))}{more}"
