"""The parts of a budget: each is exact, is a total over all runs, and says its name."""

from __future__ import annotations

import math
from typing import ClassVar

import pytest

from sweeps.controller.budget import Spending
from sweeps.controller.epochs import EpochBudget
from sweeps.messages import Continue, Exhausted, Raised, Returned, Stop, Wait
from sweeps.samplers import Proposal
from sweeps.seeding import generator
from sweeps.spec import Budget
from sweeps.study import TrialRecord
from tests.controller.harness import BASE, FakeTime, drain, opened, train, write_spec


def spec_of(folder, budget, *overrides):
    return write_spec(folder, BASE.replace("{trials: 6}", budget), overrides)


def report(controller, trial, epoch, value=1.0):
    return controller.report(trial.number, trial.attempt, epoch, {"val_loss": value})


def end(controller, trial, outcome=None):
    controller.finish(trial.number, trial.attempt, outcome or Returned())


def states(controller):
    return [(r.state, r.stop_reason) for r in controller.records]


def train_to(controller, trial, to):
    """Report epoch after epoch up to ``to``, or until a Stop."""
    for epoch in range(controller.records[trial.number].epochs + 1, to + 1):
        if isinstance(decision := report(controller, trial, epoch), Stop):
            return decision
    return decision


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("total", [1, 10, 22])
def test_no_epoch_more_than_the_budget_is_trained(tmp_path, workers, total):
    """However many trials run, and over a driver's death in between."""
    spec = spec_of(tmp_path, f"{{epochs: {total}}}")
    done = 0
    for limit in (total // 2, 1000):  # the first driver dies after so many reports
        with opened(tmp_path, spec, workers=workers) as controller:
            running, latest = [], {}
            while done < limit:
                while len(running) < workers and isinstance(answer := controller.ask(), list):
                    running.append(answer[0])
                    latest[answer[0].number] = controller.records[answer[0].number].epochs
                if not running:
                    break
                trial = running.pop(0)
                latest[trial.number] += 1
                decision = report(controller, trial, latest[trial.number])
                done += 1
                if isinstance(decision, Stop) or latest[trial.number] == spec.epochs:
                    end(controller, trial)
                else:
                    running.append(trial)
            trained = sum(record.epochs for record in controller.records)
            assert trained == done <= total
    assert done == total
    assert isinstance(answer, Exhausted) and answer.reason == "budget.epochs"
    assert ("PRUNED", "budget") in states(controller) or total % 9 == 0


def test_an_epoch_that_a_trial_did_not_use_goes_to_another(tmp_path):
    spec = spec_of(tmp_path, "{epochs: 18}")  # of 9 each
    with opened(tmp_path, spec, workers=3) as controller:
        first, second = controller.ask(2)
        assert controller.ask() == Wait()
        end(controller, first, Raised("error", "it broke"))
        third = controller.ask()[0]
        assert train_to(controller, second, 9) == train_to(controller, third, 9) == Continue()
        end(controller, second)
        end(controller, third)
        assert controller.ask() == Exhausted("budget.epochs")


def test_what_runs_is_trained_to_its_end_before_another_one_starts(tmp_path):
    with opened(tmp_path, spec_of(tmp_path, "{epochs: 24}"), workers=8) as controller:
        first, second = controller.ask(8)  # a third could be trained for 6 of 9 epochs only
        assert controller.ask() == Wait()
        for trial in first, second:
            assert train_to(controller, trial, 9) == Continue()
            end(controller, trial)
        last = controller.ask()[0]  # what is left is not left over
        assert train_to(controller, last, 9) == Stop("budget") and controller.records[2].epochs == 6
        end(controller, last)
        assert controller.ask() == Exhausted("budget.epochs")
        assert [state for state, _ in states(controller)] == ["COMPLETE", "COMPLETE", "PRUNED"]


def test_where_trials_are_usually_short_more_of_them_start_and_the_last_epochs_are_the_longest_ones(tmp_path):
    with opened(tmp_path, spec_of(tmp_path, "{epochs: 21}"), workers=8) as controller:
        for trial in controller.ask(2):
            train_to(controller, trial, 2)
            end(controller, trial)  # 2 of 9 epochs, as ended by early stopping
        leader, other, *more = controller.ask(8)
        assert len(more) == 6  # each at one of the 17 that are left
        assert train_to(controller, leader, 3) == train_to(controller, other, 1) == Continue()
        assert train_to(controller, other, 2) == Stop("budget")  # the 5 that are left are the leader's
        end(controller, other)
        assert train_to(controller, leader, 9) == Continue()


def test_gpu_hours_count_every_running_trial_and_every_run(tmp_path):
    spec, time = spec_of(tmp_path, "{gpu_hours: 1}"), FakeTime()
    with opened(tmp_path, spec, time, workers=2, gpus=0.5) as controller:
        controller.ask(), controller.ask()
        time.now += 1800  # half an hour on one GPU altogether
        controller.tick()
    time.now += 5000  # nobody was there
    with opened(tmp_path, spec, time, workers=2, gpus=2) as controller:
        trial = controller.ask()[0]
        time.now += 890
        assert report(controller, trial, 1) == Continue()
        time.now += 20
        assert report(controller, trial, 2) == Stop("budget")
        end(controller, trial)
        assert controller.ask() == Exhausted("budget.gpu_hours")
        assert states(controller)[trial.number] == ("PRUNED", "budget")


def test_the_time_left_is_what_one_more_trial_may_run():
    time = FakeTime()

    def left(**budget) -> tuple[float, float]:
        spending = Spending(
            Budget(**budget),
            "minimize",
            time.clock(),
            EpochBudget(None, 9),
            elapsed=100.0,
            gpu_seconds=1600.0,
        )
        spending.begin([], gpus=2.0)
        for number in range(3):
            spending.begins(TrialRecord(number, {}))
        time.now += 50
        return tuple(spending.time_left)

    assert left(trials=9) == (math.inf, 1.0)
    assert left(wall=1000) == (850, 0.85)
    assert left(wall=120) == (0, 0)
    assert left(gpu_hours=1) == (
        1700 / (2 * 4),
        1700 / 3600,
    )  # three trials had two for 50 s
    assert left(gpu_hours=1, wall=200) == (50, 0.25)


class Listening:
    """A user's sampler that keeps what it is told of the time."""

    told: ClassVar[list] = []

    def __init__(self, space):
        self.space = space

    def suggest(self, draw):
        self.told.append(draw.left)
        return Proposal(self.space.uniform(generator(draw.number)))


def test_a_sampler_is_told_what_time_is_left(tmp_path):
    spec = spec_of(tmp_path, "{trials: 9, wall: 100}", f"sampler={__name__}:Listening")
    time = FakeTime()
    with opened(tmp_path, spec, time) as controller:
        for _ in range(3):
            train(controller, controller.ask()[0])
            time.now += 30
    assert Listening.told == [(100, 1.0), (70, 0.7), (40, 0.4)]


def test_patience_counts_trials_after_the_best(tmp_path):
    spec = spec_of(tmp_path, "{trials: 50, patience: 3}")
    losses = [5.0, 4.0, 6.0, 3.0, 3.0, 8.0, 9.0]  # an equal one is no better one
    with opened(tmp_path, spec) as controller:
        for number, loss in enumerate(losses):
            train(controller, controller.ask()[0], lambda _, loss=loss: lambda epoch: loss)
            assert controller.nothing_left == (number == len(losses) - 1)
        assert controller.ask() == Exhausted("budget.patience")
    with opened(tmp_path, spec) as controller:
        assert controller.ask() == Exhausted("budget.patience")


def test_patience_does_not_depend_on_resumes(tmp_path):
    spec = spec_of(tmp_path, "{trials: 50, patience: 4}")
    losses = [5.0, 4.0, 3.0, 6.0, 7.0, 2.0, 8.0, 9.0, 8.0, 7.0]
    for number, loss in enumerate(losses):
        with opened(tmp_path, spec) as controller:
            assert not controller.nothing_left, number
            train(controller, controller.ask()[0], lambda _, loss=loss: lambda epoch: loss)
    with opened(tmp_path, spec) as controller:
        assert controller.ask() == Exhausted("budget.patience")


def test_patience_waits_for_trials_that_run(tmp_path):
    spec = spec_of(tmp_path, "{trials: 50, patience: 2}")
    with opened(tmp_path, spec, workers=2) as controller:
        train(controller, controller.ask()[0], lambda _: lambda epoch: 1.0)
        late = controller.ask()[0]
        for _ in range(2):
            train(controller, controller.ask()[0], lambda _: lambda epoch: 2.0)
        assert controller.ask() == Wait()
        for epoch in range(1, 10):
            report(controller, late, epoch, 0.5)
        end(controller, late)  # better, and two after it were worse
        assert controller.ask() == Exhausted("budget.patience")


def test_failed_trials_do_not_wear_out_patience(tmp_path):
    spec = spec_of(tmp_path, "{trials: 8, patience: 2}")
    with opened(tmp_path, spec) as controller:
        train(controller, controller.ask()[0])
        for number in range(4):
            end(controller, controller.ask()[0], Raised("error", "abcd"[number]))
        assert isinstance(controller.ask(), list)


@pytest.mark.parametrize(("goal", "target", "value"), [("minimize", 0.5, 0.5), ("maximize", 0.9, 0.95)])
def test_a_target_ends_the_sweep_with_its_winner(tmp_path, goal, target, value):
    spec = spec_of(tmp_path, f"{{trials: 9, target: {target}}}", f"metric={{name: val_loss, goal: {goal}}}")
    far = 2.0 if goal == "minimize" else 0.1
    with opened(tmp_path, spec, workers=2) as controller:
        lucky, other = controller.ask()[0], controller.ask()[0]
        assert report(controller, lucky, 1, far) == report(controller, other, 1, far) == Continue()
        assert report(controller, lucky, 2, value) == Stop("target")
        end(controller, lucky)
        assert states(controller)[0] == ("COMPLETE", "target")
        assert report(controller, other, 2, far) == Stop("budget")
        end(controller, other)
        assert controller.ask() == Exhausted("budget.target")
    with opened(tmp_path, spec) as controller:
        assert controller.ask() == Exhausted("budget.target")


def test_the_tightest_part_of_a_budget_ends_it(tmp_path):
    spec = spec_of(tmp_path, "{trials: 3, epochs: 100, gpu_hours: 5, wall: 1h, patience: 9, target: -1.0}")
    with opened(tmp_path, spec) as controller:
        assert drain(controller) == "budget.trials"
