"""All checks of one folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sweeps.errors import CorruptStudyError, VerificationError
from sweeps.paths import RunPaths
from sweeps.results import load
from sweeps.surrogate.taken import read_taken
from sweeps.verify.budget import the_budget_is_exact
from sweeps.verify.checkpoint import the_best_checkpoint_is_whole
from sweeps.verify.evidence import gather
from sweeps.verify.finals import the_test_is_done_once
from sweeps.verify.finding import Check, Finding
from sweeps.verify.processes import nothing_outlives_the_sweep
from sweeps.verify.tables import the_data_stayed_the_same, the_tables_equal_the_study
from sweeps.verify.trials import no_trial_counts_twice, no_trial_is_lost, none_is_left_running

_CHECKS = (
    no_trial_is_lost,
    no_trial_counts_twice,
    the_budget_is_exact,
    nothing_outlives_the_sweep,
    the_tables_equal_the_study,
    none_is_left_running,
    the_best_checkpoint_is_whole,
    the_test_is_done_once,
    the_data_stayed_the_same,
)


@dataclass(frozen=True, slots=True)
class Report:
    """What was checked, in the order of the invariants, and what was found."""

    directory: Path
    checks: Sequence[Check]

    @property
    def findings(self) -> list[Finding]:
        """What breaks an invariant."""
        return [finding for finding in self._all() if finding.invariant != "warning"]

    @property
    def warnings(self) -> list[Finding]:
        return [finding for finding in self._all() if finding.invariant == "warning"]

    def _all(self) -> Iterator[Finding]:
        return (finding for check in self.checks for finding in check.findings)


def inspect(directory: str | Path) -> Report:
    """Check the results folder ``directory``: finished, interrupted, killed or running. It is only read.

    Raises:
        UsageError: it is not a results folder.
    """
    results = load(directory)
    paths = RunPaths(results.directory)
    try:
        evidence = gather(paths, results.spec)
        if results.spec.warm_start:
            read_taken(paths)
    except CorruptStudyError as error:
        unreadable = Finding("I1", str(error))
        return Report(paths.root, [Check("I1", "the study reads back", [unreadable])])
    return Report(paths.root, [check(evidence) for check in _CHECKS])


def verify(directory: str | Path) -> list[Finding]:
    """What breaks an invariant in the results folder ``directory``; nothing where all hold."""
    return inspect(directory).findings


def check_invariants(directory: str | Path) -> None:
    """Do nothing where every invariant of docs/guarantees.md holds.

    Raises:
        UsageError: ``directory`` is not a results folder.
        VerificationError: one does not; the message names every finding.
    """
    findings = verify(directory)
    if findings:
        listed = "\n".join(f"    {finding}" for finding in findings)
        raise VerificationError(
            f"{directory}: a results folder must keep every invariant of docs/guarantees.md, and "
            f"{len(findings)} finding(s) break one:\n{listed}"
        )
