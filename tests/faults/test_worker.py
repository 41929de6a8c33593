"""A worker is killed or stopped around a report: its trial goes on in another, and nothing counts twice."""

from __future__ import annotations

import pytest

import sweeps
from tests.faults.inject import Fault

CUT_SHORT = {
    "mid-step": Fault("torch.nn:Linear.forward", "before", 2),
    "before its result is written": Fault("sweeps.trial.metrics:MetricsFile.append", "before", 2),
    "before its result is sent": Fault("sweeps.engines.local.channel:LinkChannel._ask", "before", 2),
    # It hears of the trial, then of its first report; the third answer is to a report that was sent.
    "before it is acknowledged": Fault("sweeps.engines.local.link:Link.receive", "before", 3),
    "while its checkpoint is written": Fault("sweeps.trial.checkpoint:replace_file", "before", 3),
}
STEPPING = """

def steps(trial):
    model = torch.nn.Linear(1, 1)
    for epoch in trial.epochs(model=model):
        with open("executed", "a") as file:
            file.write(f"{trial.number} {trial.attempt} {epoch}\\n")
        model(torch.zeros(1))
        trial.report(val_loss=trial.config["x"] + 1 / epoch)
"""


def goes_on(project, fault, **keys):
    toy = project(STEPPING, train="toy:steps", workers=1, budget={"trials": 2}, **keys)
    ended = toy.run(worker_fault=fault)
    assert ended.code == 0, ended.err
    assert (toy.folder / fault.fired).exists()
    trials = sweeps.load(toy.paths.root).trials
    assert list(trials["attempt"]) == [2, 1]
    assert list(trials["state"]) == ["COMPLETE", "COMPLETE"]
    assert list(trials["epochs"]) == [3, 3]
    again = [epoch for number, attempt, epoch in toy.executed() if (number, attempt) == (0, 2)]
    assert again[0] in (1, 2) and again[-1] == 3
    failed = [event["attempt_reason"] for event in toy.events("TrialEnded") if event["retry"]]
    assert failed == ["crash"]
    toy.verify()
    return toy


def test_a_worker_is_killed_before_its_report_is_acknowledged(project):
    goes_on(project, CUT_SHORT["before it is acknowledged"])


@pytest.mark.faults
@pytest.mark.parametrize("where", [where for where in CUT_SHORT if "acknowledged" not in where])
def test_a_worker_is_killed(project, where):
    goes_on(project, CUT_SHORT[where])


@pytest.mark.faults
@pytest.mark.ray
@pytest.mark.parametrize("where", ["mid-step", "before it is acknowledged"])
def test_a_worker_is_killed_on_ray(project, where):
    goes_on(project, CUT_SHORT[where], engine="ray")


STOPPED = """

import os, signal, subprocess


def is_stopped_for_a_while(trial):
    if trial.attempt == 1 and trial.number == 0:
        subprocess.Popen(["sh", "-c", f"sleep 4; kill -CONT {os.getpid()}"])
        os.kill(os.getpid(), signal.SIGSTOP)
        with open("woke", "w"):
            pass
    trains(trial)
"""


@pytest.mark.faults
def test_a_worker_that_wakes_up_after_its_time(project):
    """Stopped beyond timeout.report, and continued before it is killed: its late word is ignored."""
    keys = {"timeout": {"report": 3}, "retries": {"hang": 1}, "canary": False}
    toy = project(STOPPED, train="toy:is_stopped_for_a_while", **keys)
    ended = toy.run()
    assert ended.code == 0, ended.err
    assert (toy.folder / "woke").exists()
    first = [event for event in toy.events("TrialEnded") if event["number"] == 0]
    assert [(event["attempt"], event["attempt_state"], event["attempt_reason"]) for event in first] == [
        (1, "FAILED", "hang"),
        (2, "COMPLETE", "finished"),
    ]
    assert toy.states() == [("COMPLETE", "finished")] * 4
    toy.verify()
