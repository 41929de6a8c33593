"""A toy project in a folder, and `sweep` as a real process in it: started, killed, resumed, then verified."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import sweeps
from sweeps.paths import RunPaths
from tests.engines.harness import MARK, survivors
from tests.faults.inject import DRIVER, WORKER, Fault

ROOT = Path(__file__).parents[2]
SPEC: Mapping[str, Any] = {
    "version": 1,
    "name": "toy",
    "train": "toy:trains",
    "test": "toy:test",
    "epochs": 3,
    "fixed": {"pace": 0.0},
    "parameters": {"x": {"min": 0.0, "max": 1.0}},
    "budget": {"trials": 4},
    "pruner": "none",
    "workers": 2,
}
PATIENCE = 60.0  # seconds that anything may take before a test gives up
RAYS_OWN = ("ray::", "gcs_server", "raylet")  # they end by themselves, a few seconds after their driver


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, and what it printed."""

    code: int
    out: str
    err: str


class Driver:
    """A `sweep` process that runs."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self, seconds: float = PATIENCE) -> Ended:
        out, err = self.process.communicate(timeout=seconds)
        assert self.process.returncode != 1, err  # a bug in sweeps, with its traceback
        return Ended(self.process.returncode, out, err)


class Project:
    """A folder with ``toy.py``, ``toy.yaml`` and, once a sweep ran, ``results/toy``.

    ``keys`` are added to SPEC, and ``module``, functions of the test's own, to tests/faults/toy.py.
    """

    def __init__(self, folder: Path, module: str = "", **keys: Any) -> None:
        self.folder = folder
        self.mark = uuid.uuid4().hex
        folder.mkdir(parents=True, exist_ok=True)
        self.write_module(module)
        (folder / "toy.yaml").write_text(yaml.safe_dump({**SPEC, **keys}))
        self._drivers: list[Driver] = []

    def close(self) -> None:
        """Kill every driver that still runs."""
        for driver in self._drivers:
            if driver.process.poll() is None:
                driver.process.kill()
                driver.process.communicate()

    def write_module(self, more: str = "") -> None:
        shutil.copy(Path(__file__).with_name("toy.py"), self.folder / "toy.py")
        with open(self.folder / "toy.py", "a") as file:
            file.write(more)

    @property
    def paths(self) -> RunPaths:
        return RunPaths(self.folder / "results" / "toy")

    # --- commands -----------------------------------------------------------------------------

    def start(
        self, *arguments: str, fault: Fault | None = None, worker_fault: Fault | None = None, **env: str
    ) -> Driver:
        """`sweep arguments` in the folder; without arguments `sweep run toy.yaml`."""
        environment = {**os.environ, "PYTHONPATH": str(ROOT), MARK: self.mark, **env}
        for variable, asked in ((DRIVER, fault), (WORKER, worker_fault)):
            environment |= asked.environment(variable) if asked else {}
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.command", *(arguments or ("run", "toy.yaml"))],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        self._drivers.append(Driver(process))
        return self._drivers[-1]

    def run(self, *arguments: str, **asked: Any) -> Ended:
        """`start`, and wait for its end."""
        return self.start(*arguments, **asked).end()

    def resume(self, *sets: str) -> Ended:
        changes = [word for change in sets for word in ("--set", change)]
        return self.run("resume", "toy", *changes)

    def killed_at(self, fault: Fault, *arguments: str) -> None:
        """Run until the driver is killed at ``fault``; it must come there."""
        ended = self.run(*arguments, fault=fault)
        assert (self.folder / fault.fired).exists(), f"the driver never came to {fault.at}\n{ended.err}"
        assert ended.code == -signal.SIGKILL, ended.err

    # --- what stands there ----------------------------------------------------------------------

    def verify(self, seconds: float = 1.0) -> None:
        """Every invariant holds, and nothing that was started is alive ``seconds`` later."""
        alive = survivors(self.mark, seconds)
        left = {pid: command for pid, command in alive.items() if not command.startswith(RAYS_OWN)}
        assert not left, f"alive after the sweep: {left}"
        sweeps.check_invariants(self.paths.root)

    def states(self) -> list[tuple[str, str | None]]:
        trials = sweeps.load(self.paths.root).trials
        return [(row.state, row.stop_reason) for row in trials.itertuples()]

    def events(self, kind: str) -> list[Mapping[str, Any]]:
        lines = self.paths.events.read_text().splitlines() if self.paths.events.exists() else []
        return [event for event in map(json.loads, lines) if event["event"] == kind]

    def executed(self) -> list[tuple[int, int, int]]:
        """(trial, attempt, epoch) of every epoch that was really computed, in order."""
        path = self.folder / "executed"
        rows = path.read_text().split("\n")[:-1] if path.exists() else []
        return [tuple(map(int, row.split())) for row in rows]

    def epochs_on_disk(self) -> list[Path]:
        """The trials' files of reported epochs that have a line."""
        return [path for path in self.paths.trials.glob("*/metrics.jsonl") if path.stat().st_size]

    def tested(self) -> list[int]:
        """The trials whose test was begun, in order."""
        path = self.folder / "tested"
        return [int(line) for line in path.read_text().split()] if path.exists() else []


def wait_for(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Until ``condition`` holds; it must within ``seconds``."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.005)
