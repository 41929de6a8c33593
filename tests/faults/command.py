"""`sweep`, with a fault in the driver: python -m tests.faults.command run toy.yaml"""

from __future__ import annotations

import os
import time
from pathlib import Path

from tests.faults.inject import DRIVER, install

CALLS = 8  # of time.time() until the clock jumps


def jump(seconds: float) -> None:
    """From the `CALLS`-th time that this process looks at the clock, it goes wrong by so much."""
    right, calls = time.time, 0

    def wrong() -> float:
        nonlocal calls
        calls += 1
        return right() + (seconds if calls > CALLS else 0.0)

    time.time = wrong


if __name__ == "__main__":
    if cgroup := os.environ.get("SWEEPS_TEST_CGROUP"):
        Path(cgroup, "cgroup.procs").write_text(str(os.getpid()))
    if seconds := os.environ.get("SWEEPS_TEST_CLOCK"):
        jump(float(seconds))
    from sweeps.cli import main  # it remembers the clock that it finds

    install(DRIVER)
    main()
