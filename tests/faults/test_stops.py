"""Signals to the driver: a sweep that is stopped is not tested, says how to go on, and does."""

from __future__ import annotations

import os
import signal
import time

import pytest

from tests.faults.harness import wait_for
from tests.faults.inject import Fault

SLOW = {"fixed": {"pace": 0.1}, "epochs": 5}
SIGNALS = {"INT": 130, "TERM": 143, "HUP": 129}


def stopped_once(toy, name, run):
    """Send a signal ``name`` once, while the trials of the ``run``-th run of this sweep train."""
    driver = toy.start()
    wait_for(lambda: len(toy.events("SweepStarted")) == run and toy.events("TrialStarted"))
    count = len(toy.executed())
    wait_for(lambda: len(toy.executed()) > count)
    driver.signal(signal.Signals[f"SIG{name}"])
    ended = driver.end()
    assert ended.code == SIGNALS[name], ended.err
    assert "once more to stop at once" in ended.err and "to go on: sweep resume results/toy" in ended.err
    assert toy.tested() == []
    assert "INTERRUPTED" in {state for state, _ in toy.states()}
    assert toy.events("SweepEnded")[-1]["reason"] == "interrupted"
    toy.verify()


@pytest.mark.faults
def test_a_sweep_that_is_stopped_three_times_is_tested_at_its_end(project):
    toy = project(**SLOW)
    for run, name in enumerate(SIGNALS, 1):
        stopped_once(toy, name, run)
    assert toy.resume().code == 0
    assert toy.states() == [("COMPLETE", "finished")] * 4
    epochs = [(number, epoch) for number, _, epoch in toy.executed()]
    assert len(epochs) == len(set(epochs)) == 20, "an epoch was trained twice"
    assert len(toy.tested()) == 1
    toy.verify()


@pytest.mark.faults
@pytest.mark.parametrize(
    ("engine", "name"),
    [("inline", "INT"), ("inline", "TERM"), pytest.param("ray", "HUP", marks=pytest.mark.ray)],
)
def test_a_sweep_that_is_stopped_on(project, engine, name):
    toy = project(engine=engine, **SLOW)
    stopped_once(toy, name, run=1)
    assert toy.resume().code == 0
    assert toy.states() == [("COMPLETE", "finished")] * 4
    assert len(toy.tested()) == 1
    toy.verify(seconds=10)


HANGS = """

def hangs(trial):
    trial.report(val_loss=1.0, epoch=1)
    with open("hangs", "a") as file:
        file.write("x")
    time.sleep(300)
"""


@pytest.mark.faults
@pytest.mark.parametrize("engine", ["inline", "local"])
def test_int_twice_within_two_seconds_stops_at_once(project, engine):
    toy = project(HANGS, train="toy:hangs", engine=engine)
    driver = toy.start()
    wait_for(lambda: (toy.folder / "hangs").exists())
    driver.signal(signal.SIGINT)
    time.sleep(0.5)
    begun = time.monotonic()
    driver.signal(signal.SIGINT)
    assert driver.end().code == 130
    assert time.monotonic() - begun < 4
    assert {state for state, _ in toy.states()} == {"INTERRUPTED"}
    assert toy.tested() == []
    toy.verify()


def interrupted_at(toy, fault, what):
    """Press Ctrl-C while the worker of the finals stands still at ``fault``, then resume."""
    driver = toy.start(worker_fault=fault)
    wait_for(lambda: (toy.folder / fault.fired).exists())
    os.killpg(driver.process.pid, signal.SIGINT)
    ended = driver.end()
    assert ended.code == 130
    assert f"the {what} of the winner was interrupted; to repeat it: sweep resume results/toy" in ended.err
    toy.verify()
    ended = toy.resume()
    assert ended.code == 0, ended.err
    assert (toy.paths.best.model).exists()
    toy.verify()


def test_int_during_the_export(project):
    stopped = Fault("sweeps.export:write_model", "before", signal="STOP")
    interrupted_at(project(), stopped, "test")


@pytest.mark.faults
def test_int_during_the_test(project):
    toy = project()
    interrupted_at(toy, Fault("sweeps.export:run_test", "before", signal="STOP"), "test")
    assert len(toy.tested()) == 1  # it was stopped before it had come to the data
