"""The local engine passes the suite, and leaves no process behind."""

from __future__ import annotations

import uuid

import pytest

from sweeps.controller import SlotClosed, TrialStarted
from sweeps.engines.local.engine import LocalEngine
from sweeps.engines.slots import Slot
from tests.engines.conformance import EngineSuite
from tests.engines.harness import MARK, Sweep, survivors


class TestLocal(EngineSuite):
    @pytest.fixture(autouse=True)
    def _no_process_survives(self, monkeypatch, make):
        mark = uuid.uuid4().hex
        monkeypatch.setenv(MARK, mark)
        yield
        for engine in make.engines:
            engine.close()
        assert survivors(mark) == {}

    def create(self, settings):
        # The trivial functions need no torch.
        return LocalEngine(settings, preload=("torch",) if settings.train.endswith("trains") else ())


def test_a_broken_slot_gets_no_more_trials_and_the_others_go_on(tmp_path):
    sweep = Sweep(
        tmp_path,
        "fails_where_broken",
        budget={"trials": 30},
        breaker={"in_a_row": None, "fraction": None},
        quarantine=2,
    )
    slots = [Slot("good", "cpu", 1, "fine"), Slot("bad", "cpu", 1, "broken")]
    events = []
    engine = LocalEngine(sweep.settings, preload=(), slots=slots)
    records = sweep.run(engine, lambda controller, event: events.append(event))
    engine.close()
    assert len(records) == 30
    assert {r.worker for r in records if r.state == "FAILED"} == {"bad"}
    assert {r.worker for r in records if r.state == "COMPLETE"} == {"good"}
    closed = next(index for index, event in enumerate(events) if isinstance(event, SlotClosed))
    later = [event.worker for event in events[closed:] if isinstance(event, TrialStarted)]
    assert later and set(later) == {"good"}


def test_a_canary_runs_alone_and_then_all_slots_are_used_at_once(tmp_path):
    sweep = Sweep(tmp_path, "sleeps_a_little", budget={"trials": 4}, epochs=3)
    most = []

    def watch(controller, event):
        proven = any(record.values for record in controller.records)
        most.append((len(controller.running), proven))

    slots = [Slot(f"cpu{index}", "cpu", 1, "") for index in range(3)]
    engine = LocalEngine(sweep.settings, preload=(), slots=slots)
    sweep.run(engine, watch)
    engine.close()
    assert max(count for count, proven in most if not proven) == 1
    assert max(count for count, proven in most if proven) == 3
