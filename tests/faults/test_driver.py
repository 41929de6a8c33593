"""The driver is killed: nothing is lost or counted twice, nothing survives, and the next run goes on."""

from __future__ import annotations

import pytest

from tests.faults.inject import Fault

CONTROLLER = "sweeps.controller.controller:Controller"
STORE = "sweeps.study.store:StudyStore"


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault(f"{CONTROLLER}.ask", "after", 2), id="ask"),
        pytest.param(Fault("sweeps.engines.local.crew:Member.start", "after", 2), id="launch"),
        pytest.param(Fault(f"{CONTROLLER}.report", "after", 5), id="report"),
        pytest.param(Fault(f"{CONTROLLER}.finish", "after", 2), id="finish"),
    ],
)
def test_the_driver_is_killed_at(project, fault):
    toy = project()
    toy.killed_at(fault)
    toy.verify()
    assert toy.resume().code == 0
    assert toy.states() == [("COMPLETE", "finished")] * 4
    assert len(toy.tested()) == 1
    toy.verify()
