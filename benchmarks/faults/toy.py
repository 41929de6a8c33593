"""The training that every system runs: four epochs that sleep, and a ledger that no system keeps for it.

The ledger is one file for all trials: a line when a configuration begins, one after each epoch. What was
trained, twice or never, is counted there, whatever a system's own tables say. FAULT says what goes wrong:
``kill:3``, ``nan:3``, ``-inf:3``, ``hang:3`` (in the third configuration to begin) or ``raise`` (in all).

This module imports the standard library alone: workers of every system import it.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

EPOCHS = 4
PAUSE = float(os.environ.get("PAUSE", "0.25"))  # seconds an epoch
TRIALS = 6
WORKERS = 2


def ledger() -> Path:
    return Path(os.environ["LEDGER"])


def rows() -> list[dict]:
    """All lines of the ledger."""
    return [json.loads(line) for line in ledger().read_text().splitlines()] if ledger().exists() else []


def losses(x: float, first: int = 1) -> Iterator[tuple[int, float]]:
    """(epoch, loss) of the configuration ``x`` from epoch ``first`` on, with the fault that is ordered."""
    _write(x, 0)
    order = list(dict.fromkeys(row["x"] for row in rows()))
    kind, _, place = os.environ.get("FAULT", "").partition(":")
    struck = place == "" or order.index(x) + 1 == int(place)
    again = sum(row["x"] == x and row["epoch"] == 0 for row in rows()) > 1
    for epoch in range(first, EPOCHS + 1):
        time.sleep(PAUSE)
        loss = x + 1 / epoch
        if struck and epoch == 2:
            if kind == "kill" and not again:
                os.kill(os.getpid(), signal.SIGKILL)
            if kind == "hang":
                time.sleep(3600)
            if kind == "raise":
                raise ValueError("as told")
        if struck and epoch >= 2 and kind in ("nan", "-inf"):
            loss = float(kind)
        _write(x, epoch)
        yield epoch, loss


def _write(x: float, epoch: int) -> None:
    line = json.dumps({"x": x, "epoch": epoch, "pid": os.getpid(), "time": time.time()}) + "\n"
    with open(ledger(), "a") as file:
        file.write(line)


def tell(states: dict[str, int], best: float | None, trials: int) -> None:
    """The last word of a driver: what its system's own tables say."""
    print("TOLD " + json.dumps({"states": states, "best": best, "trials": trials}), flush=True)
