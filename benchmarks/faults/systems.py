"""The four systems as processes: started, struck, looked at from outside."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.faults import toy

ROOT = Path(__file__).parents[2]
LONGEST = 90.0  # seconds that anything is waited for
SETTLED = 0.2  # seconds from the last epoch of a trial to its end


def syne_tune_python() -> str:
    """An interpreter that has Syne Tune, which is no dependency of ours."""
    return os.environ.get("SYNE_TUNE_PYTHON", sys.executable)


@dataclass(frozen=True)
class System:
    name: str
    driver: str
    state: str  # the file that tells what has been done, below a sweep's folder
    python: Callable[[], str] = lambda: sys.executable
    kind: tuple[str, ...] = ()


OURS = System("sweeps", "drive_ours", "toy/study.journal")
RAY = System("Ray Tune", "drive_ray", "toy/experiment_state-*.json")
OPTUNA = System("Optuna", "drive_optuna", "study.journal")
SYNE_TUNE = System("Syne Tune", "drive_syne_tune", "toy/tuner.dill", syne_tune_python)
SYSTEMS = (OURS, RAY, OPTUNA, SYNE_TUNE)


@dataclass
class Experiment:
    """One folder, its ledger, and all processes that were ever started for it."""

    system: System
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="faults.")))
    id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __post_init__(self) -> None:
        self.results = self.folder / "results"
        self.results.mkdir()

    def start(self, fault: str = "", choices: str = "a,b", kind: str = "", **env: str) -> Driver:
        module = f"benchmarks.faults.{self.system.driver}"
        kinds = (kind,) if kind else self.system.kind
        command = [self.system.python(), "-m", module, str(self.results), choices, *kinds]
        own = {"LEDGER": str(self.folder / "ledger"), "FAULT": fault, "FAULTS_ID": self.id}
        own |= {"PYTHONPATH": str(ROOT), "SYNETUNE_FOLDER": str(self.results), "RAY_DEDUP_LOGS": "0"}
        log = self.folder / f"log.{time.monotonic_ns()}"
        with open(log, "wb") as file:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=os.environ | own | env,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        return Driver(process, log)

    @property
    def rows(self) -> list[dict]:
        os.environ["LEDGER"] = str(self.folder / "ledger")
        return toy.rows()

    @property
    def begun(self) -> set[float]:
        return {row["x"] for row in self.rows}

    @property
    def finished(self) -> set[float]:
        return {row["x"] for row in self.rows if row["epoch"] == toy.EPOCHS}

    @property
    def settled(self) -> set[float]:
        """Those whose last epoch has been reported: a worker writes it down a moment before it says so."""
        latest = time.time() - SETTLED
        return {row["x"] for row in self.rows if row["epoch"] == toy.EPOCHS and row["time"] < latest}

    @property
    def midway(self) -> bool:
        """Whether two configurations are finished, another has an epoch behind it, and a state was saved."""
        rows = self.rows
        begun = {row["x"] for row in rows if row["epoch"] > 0}
        saved = any(self.results.glob(self.system.state))
        return saved and len(self.settled) >= 2 and bool(begun - self.finished)

    def until_midway(self, driver: Driver) -> None:
        deadline = time.monotonic() + LONGEST
        while not self.midway and driver.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)

    def processes(self) -> list[psutil.Process]:
        """Everything that bears this experiment's mark in its environment and still lives."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("FAULTS_ID") == self.id and process.status() != "zombie":
                    found.append(process)
        return found

    def clear(self) -> None:
        """End what is left, by its pid."""
        deadline = time.monotonic() + 20
        while (left := self.processes()) and time.monotonic() < deadline:
            for process in left:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            time.sleep(0.1)

    def state_file(self) -> Path:
        return max(self.results.glob(self.system.state), key=lambda path: path.stat().st_mtime)

    def __enter__(self) -> Experiment:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing of it is left, whatever came between."""
        self.clear()
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass
class Driver:
    process: subprocess.Popen
    log: Path

    def wait(self, seconds: float = LONGEST) -> int | None:
        """Its exit code; None if it still runs then."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    @property
    def told(self) -> dict | None:
        lines = self.log.read_text(errors="replace").splitlines()
        found = [line for line in lines if line.startswith("TOLD ")]
        return json.loads(found[-1].removeprefix("TOLD ")) if found else None

    @property
    def last_error(self) -> str:
        """The last line of its output that speaks of an error."""
        lines = self.log.read_text(errors="replace").splitlines()
        words = ("Error", "error", "refused", "must", "cannot", "is given twice")
        found = [line.strip() for line in lines if any(word in line for word in words)]
        return found[-1][:160] if found else ""
