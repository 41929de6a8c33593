"""The driver is killed: nothing is lost or counted twice, nothing survives, and the next run goes on."""

from __future__ import annotations

import random
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

import sweeps
from sweeps.verify.processes import processes_of
from tests.faults.harness import wait_for
from tests.faults.inject import Fault

CONTROLLER = "sweeps.controller.controller:Controller"
WRITER = "sweeps.results.writer:replace_file"
HOOKS = {
    "ask": Fault(f"{CONTROLLER}.ask", "after", 2),
    "launch": Fault("sweeps.engines.local.crew:Member.start", "before", 2),
    "report": Fault(f"{CONTROLLER}.report", "after", 2),
    "finish": Fault("sweeps.study.store:StudyStore.finish", "after", 1),
    "finished": Fault(f"{CONTROLLER}.finish", "after", 2),
    "table": Fault(WRITER, "before", 2),
    "tables": Fault(WRITER, "before", 3),
    "finals": Fault("sweeps.finals:_select", "before", 1),
    "selected": Fault("sweeps.finals:_select", "after", 1),
    "export": Fault("sweeps.engines.local.engine:LocalEngine._job_step", "after", 1),
    "tested": Fault("sweeps.finals:_describe", "before", 1),
    "test.json": Fault("sweeps.finals:write_json", "before", 2),
}
IN_TURN = ("ask", "launch", "report", "finish", "table", "finals", "export")
ON_ALL = [hook for hook in HOOKS if hook not in ("launch", "export")]  # these two are local's own


def ends_well(toy, trials=4, tests=None) -> None:
    """A last run finishes what is left: the budget is met exactly, and the one choice was tested."""
    ended = toy.resume()
    assert ended.code == 0, ended.err
    assert toy.states() == [("COMPLETE", "finished")] * trials
    assert len(set(toy.tested())) == 1
    assert tests is None or len(toy.tested()) == tests
    toy.verify()


def test_the_driver_is_killed_at_every_hook_in_turn(project):
    """One sweep, killed at each place where a driver's death could cost something."""
    toy = project(budget={"trials": 6})
    before: dict[int, tuple] = {}
    for hook in IN_TURN:
        fault = replace(HOOKS[hook], fired=f"fired.{hook}")
        toy.killed_at(fault)
        toy.verify()
        after = finished(toy)
        assert before.items() <= after.items(), "a finished trial changed"
        before = after
    ends_well(toy, trials=6)


@pytest.mark.faults
@pytest.mark.parametrize("hook", HOOKS)
def test_the_driver_is_killed_on_local_at(project, hook):
    toy = project()
    toy.killed_at(HOOKS[hook])
    toy.verify()
    ends_well(toy)


@pytest.mark.faults
@pytest.mark.parametrize("hook", ON_ALL)
def test_the_driver_is_killed_on_inline_at(project, hook):
    toy = project(engine="inline")
    toy.killed_at(HOOKS[hook])
    toy.verify()
    ends_well(toy)


@pytest.mark.faults
@pytest.mark.ray
@pytest.mark.parametrize("hook", ["report", "selected"])
def test_the_driver_is_killed_on_ray_at(project, hook):
    toy = project(engine="ray")
    toy.killed_at(HOOKS[hook])
    toy.verify(seconds=20)
    ends_well(toy)


@pytest.mark.faults
def test_the_driver_is_killed_20_times_at_random(project):
    rng = random.Random(5)
    toy = project(budget={"trials": 30}, fixed={"pace": 0.03}, pruner="asha", epochs=6)
    before: dict[int, tuple] = {}
    for _ in range(20):
        count = len(toy.executed()) + rng.randint(1, 9)
        driver = toy.start()
        _wait_for_epochs(toy, driver, count)
        time.sleep(rng.uniform(0, 0.06))
        driver.signal(signal.SIGKILL)
        driver.process.communicate()
        toy.verify()
        after = finished(toy)
        assert before.items() <= after.items(), "a finished trial changed"
        before = after
    assert toy.resume().code == 0
    assert len(toy.states()) == 30 and len(toy.tested()) == 1
    toy.verify()


def _wait_for_epochs(toy, driver, count) -> None:
    wait_for(lambda: len(toy.executed()) >= count or driver.process.poll() is not None)


DAEMONS = (
    Path(__file__).with_name("endings.py").read_text()
    + """

def leaves_and_waits(trial):
    leaves_a_daemon(trial)
    leaves_a_child_that_holds_its_output(trial)
    trial.report(val_loss=1.0, epoch=1)
    signal.pause()
"""
)


def test_daemons_of_a_trial_die_with_the_driver(project):
    toy = project(DAEMONS, train="toy:leaves_and_waits", canary=False)
    driver = toy.start()
    wait_for(lambda: len(toy.epochs_on_disk()) == 2)
    # The forkserver; of both trials supervisor, worker, two daemons, and a shell with its child.
    assert len(list(processes_of(toy.paths))) >= 11
    driver.signal(signal.SIGKILL)
    driver.process.wait()
    toy.verify()
    assert list(processes_of(toy.paths)) == []


def finished(toy) -> dict[int, tuple]:
    trials = sweeps.load(toy.paths.root).trials
    ended = trials[trials["state"].isin(["COMPLETE", "PRUNED", "FAILED"])]
    return {row.number: (row.state, row.metric, row.best_epoch, row.attempt) for row in ended.itertuples()}


RAISING = """

def raises_in_trial_1(trial):
    with open("raised", "a") as file:
        print(trial.number, trial.attempt, file=file)
    if trial.number == 1:
        raise ValueError("always")
    trains(trial)
"""


@pytest.mark.parametrize(
    ("when", "attempts"),
    [
        pytest.param("after", ["1", "2"], id="the failure is written"),
        # The study never heard of it: that attempt was cut short, and counts as no failure.
        pytest.param("before", ["1", "2", "3"], id="the failure is lost", marks=pytest.mark.faults),
    ],
)
def test_a_crash_between_a_failure_and_its_retry(project, when, attempts):
    keys = {"retries": {"error": 1}, "workers": 1, "budget": {"trials": 3}}
    toy = project(RAISING, train="toy:raises_in_trial_1", **keys)
    toy.killed_at(Fault(f"{CONTROLLER}.finish", when, 2))
    toy.verify()
    assert toy.resume().code == 3
    raised = [line.split() for line in (toy.folder / "raised").read_text().splitlines()]
    assert [attempt for number, attempt in raised if number == "1"] == attempts
    assert toy.states()[1] == ("FAILED", "error")
    toy.verify()
