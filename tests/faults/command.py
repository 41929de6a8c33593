"""`sweep`, with a fault in the driver: python -m tests.faults.command run toy.yaml"""

from __future__ import annotations

from sweeps.cli import main
from tests.faults.inject import DRIVER, install

if __name__ == "__main__":
    install(DRIVER)
    main()
