"""Open files: a driver holds some for each worker, and finds out before it starts that it may not."""

from __future__ import annotations

import resource
from pathlib import Path

from sweeps.errors import UsageError

_OF_A_WORKER = 3  # its link, its supervisor, its early output
_OF_THE_DRIVER = 12  # the study, the logs, the forkserver, and what libraries open for a moment
_OPEN_AT_START = 8  # where nobody tells


def require_descriptors(workers: int) -> None:
    """Before ``workers`` processes are started.

    Raises:
        UsageError: so many files may not be open at once.
    """
    limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    listed = Path("/proc/self/fd")
    already = sum(1 for _ in listed.iterdir()) if listed.is_dir() else _OPEN_AT_START
    needed = already + _OF_THE_DRIVER + _OF_A_WORKER * workers
    if limit not in (resource.RLIM_INFINITY, -1) and limit < needed:
        raise UsageError(
            f"{workers} worker(s) need {needed} files open at once, and {limit} may be (ulimit -n): raise it "
            f"(ulimit -n {needed}; at most {most} here), or run fewer trials at once (--set workers=1)"
        )
