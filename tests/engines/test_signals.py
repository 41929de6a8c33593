"""Real signals to a real driver process: Ctrl-C once, twice, and kill -9."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest

from tests.engines.harness import MARK, Sweep, marked_processes, survivors

ROOT = Path(__file__).parents[2]


class Driver:
    """A driver that has a trial running."""

    def __init__(self, folder: Path, engine: str, function: str) -> None:
        self.mark = uuid.uuid4().hex
        self.sweep = Sweep(folder, function, budget={"trials": 50})
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.engines.driver", str(folder), engine, function],
            cwd=ROOT,
            env={**os.environ, MARK: self.mark},
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,  # its process group gets the signals, as from a terminal
        )
        assert self.process.stdout.readline() == "started\n"

    def press_ctrl_c(self) -> None:
        os.killpg(self.process.pid, signal.SIGINT)

    def wait(self, seconds: float) -> float:
        """How long it took to end, at most ``seconds``."""
        began = time.monotonic()
        self.process.wait(seconds)
        return time.monotonic() - began


@pytest.fixture
def start(tmp_path):
    """Start a driver of (engine, function) that ends with the test."""
    drivers = []

    def start(engine, function):
        drivers.append(Driver(tmp_path, engine, function))
        return drivers[-1]

    yield start
    for driver in drivers:
        driver.process.kill()
        driver.process.communicate()


@pytest.mark.parametrize("engine", ["inline", "local"])
def test_ctrl_c_once_stops_in_good_order(start, engine):
    driver = start(engine, "slow")
    driver.press_ctrl_c()
    driver.wait(10)
    assert driver.process.stdout.read().endswith("ended\n")
    records = driver.sweep.records()
    assert {record.state for record in records} == {"INTERRUPTED"}
    assert all(record.epochs >= 1 for record in records if record.number == 0)
    assert survivors(driver.mark) == {}


@pytest.mark.parametrize("engine", ["inline", "local"])
def test_ctrl_c_twice_stops_within_two_seconds(start, engine):
    driver = start(engine, "hangs_after_one_epoch")
    driver.press_ctrl_c()
    time.sleep(0.3)
    assert driver.process.poll() is None  # the trial does not report, so the first one waits
    driver.press_ctrl_c()
    assert driver.wait(10) < 2.5
    assert driver.process.stdout.read().endswith("ended\n")
    assert {record.state for record in driver.sweep.records()} == {"INTERRUPTED"}
    assert survivors(driver.mark) == {}


@pytest.mark.parametrize("function", ["slow", "leaves_processes_and_waits"])
def test_kill_9_of_the_driver_leaves_no_process(start, function):
    driver = start("local", function)
    assert len(marked_processes(driver.mark)) >= 4  # forkserver, supervisors, workers
    driver.process.kill()
    driver.wait(5)
    assert survivors(driver.mark) == {}
