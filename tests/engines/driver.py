"""A driver process for tests that send it signals: ``python -m tests.engines.driver FOLDER ENGINE FUNCTION``.

Ctrl-C once stops in good order, twice at once. It prints "started" when a trial has
reported, "ended" when all is over.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from sweeps.controller import EpochReported
from sweeps.engines import create_engine
from sweeps.engines.local.engine import LocalEngine
from tests.engines.harness import Sweep


def main(folder: Path, name: str, function: str) -> None:
    sweep = Sweep(folder, function, epochs=1000, budget={"trials": 50}, workers=2)
    engine = LocalEngine(sweep.settings, ()) if name == "local" else create_engine(name, sweep.settings)
    presses = []

    def watch(controller, event):
        def press(number, frame):
            presses.append(number)
            controller.interrupt() if len(presses) == 1 else engine.kill()

        if isinstance(event, EpochReported) and event.epoch == 1:
            signal.signal(signal.SIGINT, press)
            print("started", flush=True)

    sweep.run(engine, watch)
    engine.close()
    print("ended", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
