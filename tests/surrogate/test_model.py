"""What the model makes of trials."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest

from sweeps.clock import TimeLeft
from sweeps.samplers import Draw
from sweeps.samplers.multifidelity import MultiFidelitySampler
from sweeps.seeding import generator
from sweeps.space import Float, Parameter, Space
from sweeps.study.record import TrialRecord
from sweeps.surrogate import CurveModel

SPACE = Space((Parameter("x", Float(0.0, 1.0)), Parameter("y", Float(0.0, 1.0))))
EPOCHS = 20


def loss(x: float, epoch: int) -> float:
    return 0.1 + (x - 0.3) ** 2 + 1.0 / epoch


def trained(number: int, x: float, y: float, epochs: int = EPOCHS, goal="minimize", of=loss) -> TrialRecord:
    record = TrialRecord(number, {"x": x, "y": y})
    for epoch in range(1, epochs + 1):
        record.observe(epoch, of(x, epoch), goal)
    record.state = "COMPLETE" if epochs == EPOCHS else "PRUNED"
    return record


def model_of(records, goal="minimize", **options) -> CurveModel:
    model = CurveModel(SPACE, goal, EPOCHS, **options)
    for record in records:
        model.observe(record)
    model.prepare()
    return model


def some(goal="minimize", of=loss, n: int = 20) -> list[TrialRecord]:
    rng = generator(0)
    lengths = (2, 5, EPOCHS)
    return [trained(i, float(rng.random()), float(rng.random()), lengths[i % 3], goal, of) for i in range(n)]


def best_x(model: CurveModel) -> float:
    rows = model.units.snap(generator(9).random((500, 2)), {})
    return float(rows[np.argmax(model.log_worth(rows)), 0])


def test_the_worth_is_highest_where_the_best_are():
    assert best_x(model_of(some())) == pytest.approx(0.3, abs=0.1)


def test_an_accuracy_that_grows_gives_the_same_as_its_error():
    def accuracy(x: float, epoch: int) -> float:
        return 0.99 - (x - 0.3) ** 2 - 0.5 / epoch

    assert best_x(model_of(some("maximize", accuracy), "maximize")) == pytest.approx(0.3, abs=0.1)


@pytest.mark.parametrize("huge", [1e3, 1e30, sys.float_info.max])
def test_a_run_that_diverges_changes_little(huge):
    records = some()
    for number in (3, 7, 11):
        records[number] = trained(number, 0.9, 0.5, 2, of=lambda x, epoch: huge)
    assert best_x(model_of(records)) == pytest.approx(0.3, abs=0.12)


@pytest.mark.parametrize("share", [2, 20])
@pytest.mark.parametrize("extreme", [-sys.float_info.max, sys.float_info.max])
def test_no_loss_is_too_far_off(extreme, share):
    records = some()
    for number in range(0, 20, 20 // share):
        records[number] = trained(number, 0.9, 0.5, of=lambda x, epoch: extreme)
    model = model_of(records)
    rows = model.units.snap(generator(9).random((50, 2)), {})
    assert np.isfinite(model.log_worth(rows)).all()
    assert all(0.0 <= model.chance(trial) <= 1.0 for trial in range(20))


def test_the_best_are_among_those_that_did_not_fail():
    records = some()
    records[3] = trained(3, 0.9, 0.5, 2, of=lambda x, epoch: 0.001)
    records[3].state, records[3].stop_reason = "FAILED", "nonfinite"
    assert 0.9 not in model_of(records).best_units(20)[:, 0]


def test_a_hopeless_trial_has_no_chance_and_a_good_one_has():
    records = [record for record in some(n=40) if abs(record.params["x"] - 0.3) > 0.1]
    poor = trained(100, 0.95, 0.5, 5)
    good = trained(101, 0.31, 0.5, 5)
    model = model_of([*records, poor, good])
    assert model.chance(100) < 0.01 < 0.5 < model.chance(101)


def test_epochs_reported_since_count():
    records = [record for record in some(n=40) if abs(record.params["x"] - 0.3) > 0.1]
    trial = trained(100, 0.31, 0.5, 3)
    model = model_of([*records, trial])
    before = model.chance(100)
    for epoch in range(4, 12):  # it stands still, unlike its neighbours
        trial.observe(epoch, loss(0.31, 3), "minimize")
        model.observe(trial)
    assert model.chance(100) < before / 2


def slower_by_y() -> CurveModel:
    """An epoch takes 1 to 100 seconds."""
    records = some(n=30)
    for record in records:
        record.seconds = record.epochs * 100 ** record.params["y"]
    return model_of(records)


def test_what_is_uncertain_counts_less_where_much_of_it_is_luck():
    rng = generator(1)

    def lucky(x: float, epoch: int) -> float:
        return luck * loss(x, epoch)

    records = []
    for record in some():
        luck = math.exp(rng.normal(0.0, 0.3))
        records.append(trained(record.number, **record.params, epochs=record.epochs, of=lucky))
    rows = generator(9).random((200, 2))
    assert model_of(records).sobriety(rows) < 0.5 < 0.9 < model_of(some()).sobriety(rows) <= 1.0


def test_the_more_sober_the_search_the_less_is_the_unknown_worth():
    model = model_of([record for record in some(n=40) if record.params["x"] < 0.6])
    rows = np.array([[0.35, 0.5], [1.0, 0.5]])

    def lead(sobriety: float) -> float:
        known, unknown = model.log_worth(rows, sobriety=sobriety)
        return known - unknown

    assert lead(0.1) > lead(0.5) + 1 > lead(1.0) + 2


def test_what_cannot_be_trained_in_time_is_worth_less():
    model = slower_by_y()
    rows = model.units.snap(np.array([[0.3, 0.05], [0.3, 0.95]]), {})

    def lead(seconds: float) -> float:
        worth = model.log_worth(rows, left=TimeLeft(seconds, 0.0))
        return worth[0] - worth[1]

    assert lead(1e9) == lead(math.inf)
    assert lead(20 * 1.26) > lead(math.inf) + 2  # the slow one gets to its first epoch at most
    assert lead(20 * 79 / 2) > lead(math.inf)
    assert lead(1.0) == lead(math.inf)  # nothing can be trained: what would be good if there were more time


@pytest.mark.parametrize("seconds", [2, 5, 20])
def test_late_proposals_are_quick_enough_to_end(seconds):
    """With ``seconds`` for each epoch of a full training."""
    sampler = MultiFidelitySampler(space=SPACE, seed=0, model=slower_by_y(), exploration=0.0)

    def ys(left: float) -> list[float]:
        return [
            sampler.suggest(Draw(number, left=TimeLeft(left, 0.0))).params["y"] for number in range(30, 42)
        ]

    assert max(ys(EPOCHS * seconds)) < math.log(seconds, 100) + 0.05
    assert max(ys(math.inf)) > 0.9


def test_what_costs_less_is_worth_more_while_there_is_time():
    model = slower_by_y()
    rows = model.units.snap(np.array([[0.3, 0.05], [0.3, 0.95]]), {})

    def lead(left: TimeLeft) -> float:
        worth = model.log_worth(rows, left=left)
        return worth[0] - worth[1]

    times = math.log(100**0.9)  # the slow one costs
    assert lead(TimeLeft(1e9, 1.0)) - lead(TimeLeft(1e9, 0.0)) == pytest.approx(times, rel=0.05)
    assert lead(TimeLeft(1e9, 0.0)) == lead(TimeLeft(math.inf, 1.0))  # no limit: no price


def test_an_epoch_that_is_trained_again_and_ends_worse_counts_as_it_is_now():
    records = [record for record in some() if abs(record.params["x"] - 0.3) > 0.1]
    lucky = trained(50, 0.9, 0.5, 5, of=lambda x, epoch: 0.1)
    model = model_of([*records, lucky])
    for epoch in (4, 5, 1, 2, 3):
        lucky.observe(epoch, 0.9, "minimize")
        model.observe(lucky)
    fresh = CurveModel(SPACE, "minimize", EPOCHS)
    fresh.restore(51, model.state)
    for record in [*records, trained(50, 0.9, 0.5, 5, of=lambda x, epoch: 0.9)]:
        fresh.observe(record)
    model.prepare(), fresh.prepare()
    rows = model.units.snap(generator(9).random((50, 2)), {})
    assert model.log_worth(rows) == pytest.approx(fresh.log_worth(rows), rel=1e-9)


def test_what_fails_for_good_is_avoided():
    records = [record for record in some() if abs(record.params["x"] - 0.3) > 0.1]
    for x in (0.22, 0.26, 0.3, 0.34, 0.38):
        for y in (0.2, 0.8):
            failed = TrialRecord(len(records) + 20, {"x": x, "y": y}, state="FAILED", stop_reason="oom")
            records.append(failed)
    assert abs(best_x(model_of(records)) - 0.3) < 0.1
    assert abs(best_x(model_of(records, infeasible=["oom"])) - 0.3) > 0.1


def test_what_decides_whether_it_fails_need_not_be_what_decides_the_loss():
    """The loss depends on x alone; whether it can be trained, on y."""
    records = [record for record in some(n=40) if record.params["y"] > 0.5]
    for at, x in enumerate((0.1, 0.28, 0.3, 0.32, 0.7, 0.9)):
        for y in (0.1, 0.3, 0.45):
            number = 100 + 10 * at + round(10 * y)
            records.append(TrialRecord(number, {"x": x, "y": y}, state="FAILED", stop_reason="oom"))
    model = model_of(records, infeasible=["oom"])
    rows = model.units.snap(generator(9).random((500, 2)), {})
    best = rows[np.argsort(-model.log_worth(rows))[:30]]
    assert best[:, 1].min() > 0.5 and np.abs(best[:, 0] - 0.3).max() < 0.1


def test_trials_that_run_keep_others_away():
    records = some()
    alone = best_x(model_of(records))
    running = [TrialRecord(100 + i, {"x": alone, "y": y}) for i, y in enumerate(np.linspace(0, 1, 9))]
    assert abs(best_x(model_of([*records, *running])) - alone) > 0.02


def test_a_restored_state_says_the_same():
    first = model_of(some())
    rows = first.units.snap(generator(9).random((50, 2)), {})
    second = CurveModel(SPACE, "minimize", EPOCHS)
    second.restore(20, first.state)
    for record in some():
        second.observe(record)
    second.prepare()
    assert second.log_worth(rows) == pytest.approx(first.log_worth(rows), rel=1e-9)


def test_hyperparameters_are_fitted_for_proposals_where_there_are_any():
    decides, proposes = (CurveModel(SPACE, "minimize", EPOCHS) for _ in range(2))
    for record in some()[:10]:
        decides.observe(record), proposes.observe(record)
    proposes.proposes = True
    decides.refresh(9), proposes.prepare()
    assert decides.state == proposes.state != CurveModel(SPACE, "minimize", EPOCHS).state
    before = proposes.state
    for record in some()[10:]:
        decides.observe(record), proposes.observe(record)
    decides.refresh(19), proposes.refresh(19)
    assert proposes.state == before != decides.state


def test_a_state_may_be_restored_to_a_space_that_holds_none_of_the_trials_of_then():
    model = CurveModel(SPACE, "minimize", EPOCHS)
    model.restore(20, model_of(some()).state)
    for number, record in enumerate(some(), 20):
        record.number = number
        model.observe(record)
    model.refresh(20)
    assert 0.0 <= model.chance(20) <= 1.0


@pytest.mark.parametrize("state", [{}, {"theta": [1.0], "fitted": 3}, {"theta": "x", "fitted": "y"}])
def test_a_state_of_something_else_is_left_alone(state):
    model = CurveModel(SPACE, "minimize", EPOCHS)
    before = model.state
    model.restore(3, state)
    assert model.state == before


def test_thousands_of_trials_cost_no_more():
    model = CurveModel(SPACE, "minimize", EPOCHS)
    rng = generator(0)
    for i in range(3000):
        model.observe(trained(i, float(rng.random()), float(rng.random()), (1, 2, EPOCHS)[i % 3]))
    model.prepare()
    assert len(model._gp._points.values) <= 400
    assert best_x(model) == pytest.approx(0.3, abs=0.1)
    assert math.isfinite(model.chance(0))
