"""Run a job in this process: what a worker, or the inline engine, does for the finals."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from sweeps.engines.base import Job, JobResult
from sweeps.messages import Interrupted, Returned
from sweeps.trial import load_function
from sweeps.trial.attempt import describe, end_if_forked, print_traceback


def run_job(job: Job, search_path: Sequence[Path], device: str) -> JobResult:
    """Export and test a winner; whatever the test function raises becomes the result's outcome."""
    from sweeps.export import release  # where it belongs: only here is torch needed

    process = os.getpid()
    try:
        function = load_function(job.test, search_path) if job.test else None
        result = JobResult(release(job, function, device), Returned())
    except KeyboardInterrupt:
        result = JobResult(None, Interrupted())
    except (Exception, SystemExit) as error:  # noqa: BLE001  the boundary round the user's code
        outcome = describe(error, job.spec.directory, job.bundle)
        print_traceback(outcome)
        result = JobResult(None, outcome)
    end_if_forked(process, result.outcome)
    return result
