"""`sweep verify`: does a results folder keep what docs/guarantees.md promises?"""

from __future__ import annotations

from typing import Any

from sweeps.cli.console import find_run, print_json
from sweeps.errors import VerificationError
from sweeps.paths import shown
from sweeps.printable import printable
from sweeps.verify import Check, Finding, Report, inspect


def verify_command(name: str, *, as_json: bool) -> int:
    report = inspect(find_run(name).root)
    code = VerificationError.exit_code if report.findings else 0
    if as_json:
        print_json("verify", _document(report, code))
    else:
        _print(report)
    return code


def _print(report: Report) -> None:
    for check in report.checks:
        broken = any(finding.invariant != "warning" for finding in check.findings)
        verdict = "BROKEN" if broken else "look" if check.findings else "ok"
        note = f" (not told: {check.skipped})" if check.skipped else ""
        print(f"{check.invariant:6}{verdict:8}{check.what}{printable(note)}")
        for finding in check.findings:
            print(f"      {printable(str(finding))}")
    found = len(report.findings)
    where = printable(shown(report.directory))
    print(f"{where}: {f'{found} finding(s) break an invariant' if found else 'every invariant holds'}")


def _document(report: Report, code: int) -> dict[str, Any]:
    return {
        "directory": str(report.directory),
        "checks": [_check(check) for check in report.checks],
        "findings": [_finding(finding) for finding in report.findings],
        "warnings": [_finding(finding) for finding in report.warnings],
        "exit_code": code,
    }


def _check(check: Check) -> dict[str, Any]:
    return {"invariant": check.invariant, "what": check.what, "skipped": check.skipped}


def _finding(finding: Finding) -> dict[str, Any]:
    return {"invariant": finding.invariant, "trial": finding.trial, "message": finding.message}
