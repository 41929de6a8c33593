"""The simulated engine decides as every other one, and its clock is exact."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sweeps.controller import EpochReported, SlotClosed, TrialEnded, TrialStarted
from sweeps.engines import create_engine, hand_over
from sweeps.engines.inline import InlineEngine
from sweeps.engines.local.engine import LocalEngine
from tests.engines.conformance import FINISHED, DecisionSuite
from tests.engines.harness import Sweep, states

CURVES = Path(__file__).with_name("curves.py")


class TestSimulated(DecisionSuite):
    has_checkpoints = False

    def create(self, settings):
        return create_engine("simulated", _by_curve(settings))


def _by_curve(settings):
    """The curve that bears the training function's name."""
    return replace(settings, curves=f"{CURVES}:{settings.train.rpartition(':')[2]}")


class Simulated:
    """A sweep of ``curves``; ``run`` may be called again."""

    def __init__(self, folder, curves, **keys):
        self.sweep = Sweep(folder, curves, **keys)
        self.started, self.ended, self.reports = [], [], []

    def run(self, watch=lambda controller, event: None):
        def see(controller, event):
            kinds = {TrialStarted: self.started, TrialEnded: self.ended, EpochReported: self.reports}
            kinds.get(type(event), []).append(event)
            watch(controller, event)

        settings = _by_curve(self.sweep.settings)
        return self.sweep.run(create_engine("simulated", settings), see, hand_over(settings))

    def times(self, number):
        return [row["time"] for row in self.sweep.metrics(number)]


# --- time


def test_the_clock_counts_epochs_and_start_up(tmp_path):
    simulated = Simulated(tmp_path, "an_hour", epochs=3, simulation={"startup": "10m"})
    records = simulated.run()
    assert [record.seconds for record in records] == [3 * 3600.0 + 600] * 3
    assert simulated.times(1) == [(4 + n) * 3600.0 + 1200 for n in range(3)]


def test_the_first_trial_runs_alone_until_its_first_report(tmp_path):
    simulated = Simulated(tmp_path, "an_hour", workers=3)
    simulated.run()
    assert [event.time for event in simulated.started] == [0.0, 3600.0, 3600.0]
    assert [event.worker for event in simulated.started] == ["sim0", "sim1", "sim2"]


def test_a_retry_begins_when_it_is_due_though_nothing_else_happens_then(tmp_path):
    keys = {"retries": {"error": 1, "backoff": "10s"}, "budget": {"trials": 2}, "canary": False}
    simulated = Simulated(tmp_path, "fails_once", workers=2, **keys)
    assert states(simulated.run()) == [FINISHED] * 2
    assert [(event.time, event.number, event.attempt) for event in simulated.started] == [
        (0.0, 0, 1),
        (0.0, 1, 1),
        (10.0, 0, 2),
    ]


def test_a_worker_that_gets_no_more_holds_up_nobody(tmp_path, monkeypatch):
    closed = []

    def watch(controller, event):
        if isinstance(event, TrialStarted):
            monkeypatch.setenv("WORKER", event.worker)
        elif isinstance(event, SlotClosed):
            closed.append(event.worker)

    keys = {"quarantine": 2, "breaker": {"in_a_row": None, "fraction": None}, "canary": False}
    keys |= {"simulation": {"startup": 10}}
    simulated = Simulated(tmp_path, "fails_on_the_first_worker", workers=3, budget={"trials": 12}, **keys)
    records = simulated.run(watch)
    assert closed == ["sim0"]
    assert [record.state for record in records].count("COMPLETE") == 10
    assert simulated.ended[-1].time == 5 * 14.0, "two workers did the rest"


@pytest.mark.parametrize(
    ("budget", "gpus", "epochs"),
    [({"wall": "5h"}, 0.0, 10), ({"gpu_hours": 5.0}, 0.25, 20)],
)
def test_budgets_are_in_virtual_time(tmp_path, budget, gpus, epochs):
    simulated = Simulated(tmp_path, "an_hour", workers=2, epochs=50, budget=budget, canary=False)
    engine = create_engine("simulated", replace(_by_curve(simulated.sweep.settings), gpus=gpus))
    records = simulated.sweep.run(engine)
    assert states(records) == [("PRUNED", "budget")] * 2
    assert sum(record.epochs for record in records) == epochs


# --- faults


def test_a_crashed_trial_goes_on_from_its_last_epoch(tmp_path):
    keys = {"simulation": {"crash": 0.2}, "retries": {"crash": 50}, "budget": {"trials": 8}, "epochs": 20}
    first = Simulated(tmp_path / "first", "falling", workers=3, **keys)
    records = first.run()
    assert states(records) == [FINISHED] * 8
    assert sum(record.attempt for record in records) > 16
    for record in records:
        assert [row["epoch"] for row in first.sweep.metrics(record.number)] == list(range(1, 21))
        assert record.seconds == 20.0 + record.attempt - 1, "each crash takes the epoch that it came in"
    second = Simulated(tmp_path / "second", "falling", workers=3, **keys)
    assert [_told(record) for record in second.run()] == [_told(record) for record in records]
    assert [first.times(n) for n in range(8)] == [second.times(n) for n in range(8)]


def _told(record):
    return (record.params, record.values, record.state, record.attempt, record.worker, record.seconds)


def test_a_lost_machine_takes_all_its_trials_and_costs_no_retry(tmp_path):
    simulation = {"node_size": 3, "node_life": "20s"}
    keys = {"simulation": simulation, "retries": {"crash": 0}, "budget": {"trials": 12}, "epochs": 10}
    simulated = Simulated(tmp_path, "falling", workers=6, **keys)
    records = simulated.run()
    assert states(records) == [FINISHED] * 12
    lost = [event for event in simulated.ended if event.retry]
    nodes = {event.record.error for event in lost}
    assert nodes <= {None, "simulated node 0 is gone", "simulated node 1 is gone"}
    together = [sum(other.time == event.time for other in lost) for event in lost]
    assert max(together) == 3


def test_stragglers_are_slow_with_everything(tmp_path):
    simulation = {"stragglers": 0.4, "slowdown": 3.0, "startup": 2}
    keys = {"simulation": simulation, "budget": {"trials": 40}, "seed": 3}
    simulated = Simulated(tmp_path, "falling", workers=10, **keys)
    records = simulated.run()
    seconds = {record.worker: record.seconds for record in records}
    assert set(seconds.values()) == {6.0, 18.0}
    assert 2 <= sum(value == 18.0 for value in seconds.values()) <= 6
    assert all(record.seconds == seconds[record.worker] for record in records)


def test_what_cannot_be_trained_is_told_by_the_curve(tmp_path):
    records = Simulated(tmp_path, "infeasible_above_half", budget={"trials": 10}).run()
    told = [(record.params["x"] > 0.5, record.stop_reason) for record in records]
    assert set(told) == {(True, "infeasible"), (False, "finished")}


# --- populations


def test_a_population_is_the_same_on_any_number_of_workers(tmp_path):
    keys = {
        "pruner": {"name": "pbt", "interval": 2},
        "epochs": 6,
        "budget": {"trials": 6},
        "retries": {"crash": 9},
    }
    one = Simulated(tmp_path / "one", "trains", workers=1, **keys).run()
    many = Simulated(tmp_path / "many", "trains", workers=4, simulation={"crash": 0.05}, **keys).run()
    assert states(one) == [FINISHED] * 6
    assert [record.attempt for record in one] == [3] * 6
    assert any(record.inherited for record in one)
    for left, right in zip(one, many, strict=True):
        assert (left.params, left.values, left.inherited) == (right.params, right.values, right.inherited)


# --- the same decisions as real engines

PRUNERS = [
    {"name": "asha", "min_epochs": 1, "reduction_factor": 2, "startup_trials": 0},
    {"name": "median", "n_startup_trials": 2},
]


def _decisions(folder, make, events=None, **keys):
    """What became of each trial of a sweep of `follows_crossing`, and in which order it reported."""
    sweep = Sweep(folder, f"{CURVES}:follows_crossing", **keys)
    order = []

    def watch(controller, event):
        if isinstance(event, EpochReported):
            order.append((event.number, event.epoch, type(event.decision)))

    engine = make(sweep.settings)
    try:
        records = sweep.run(engine, watch)
    finally:
        engine.close()
    return [(r.params, r.values, r.state, r.stop_reason) for r in records], order


def _simulated(settings):
    return create_engine("simulated", replace(settings, curves=f"{CURVES}:crossing"))


def _local(settings):
    return LocalEngine(settings, preload=())


@pytest.mark.parametrize("pruner", PRUNERS, ids=lambda pruner: pruner["name"])
def test_one_worker_decides_as_for_real(tmp_path, monkeypatch, pruner):
    keys = {"pruner": pruner, "budget": {"trials": 12}, "epochs": 6, "workers": 1}
    simulated = _decisions(tmp_path / "simulated", _simulated, **keys)
    assert 0 < sum(state == "PRUNED" for _, _, state, _ in simulated[0]) < 12
    monkeypatch.setenv("HURRY", "1")
    for name, make in {"inline": lambda s: InlineEngine(s, preload=()), "local": _local}.items():
        assert _decisions(tmp_path / name, make, **keys) == simulated


@pytest.mark.parametrize("pruner", PRUNERS, ids=lambda pruner: pruner["name"])
def test_two_workers_decide_as_for_real(tmp_path, pruner):
    keys = {"pruner": pruner, "budget": {"trials": 10}, "epochs": 4, "workers": 2}
    simulated = _decisions(tmp_path / "simulated", _simulated, **keys)
    assert 0 < sum(state == "PRUNED" for _, _, state, _ in simulated[0]) < 10
    for attempt in range(5):  # a machine that is busy elsewhere may be late by half an epoch
        trials, order = _decisions(tmp_path / f"local{attempt}", _local, **keys)
        if [report[:2] for report in order] == [report[:2] for report in simulated[1]]:
            break
    assert (trials, order) == simulated
