"""`sweep`, with a fault in the driver: python -m tests.faults.command run toy.yaml"""

from __future__ import annotations

import os
from pathlib import Path

from sweeps.cli import main
from tests.faults.inject import DRIVER, install

if __name__ == "__main__":
    if cgroup := os.environ.get("SWEEPS_TEST_CGROUP"):
        Path(cgroup, "cgroup.procs").write_text(str(os.getpid()))
    install(DRIVER)
    main()
