"""What training a configuration takes, learned from trials that have ended."""

from __future__ import annotations

import numpy as np
import pytest

from sweeps.seeding import generator
from sweeps.surrogate.cost import TrainingCost

EPOCHS = 50
ROWS = np.array([[0.1, 0.5, 0.5], [0.5, 0.2, 0.9], [0.9, 0.9, 0.1]])


def takes(features):
    """Seconds of an epoch: 1 to 20, by the first of three."""
    return 20.0 ** features[..., 0]


def cost_of(n: int = 40, start: float = 0.0, short: float = 0.8) -> TrainingCost:
    """After ``n`` trials, of which a share ``short`` were stopped after 2 epochs."""
    cost, rng = TrainingCost(EPOCHS), generator(3)
    for trial in range(n):
        features = rng.random(3)
        epochs = 2 if rng.random() < short else EPOCHS
        cost.observe(trial, features, epochs, start + epochs * takes(features))
    return cost


@pytest.mark.parametrize("start", [0.0, 30.0, 300.0])
def test_it_tells_starting_from_training(start):
    full = np.exp(cost_of(start=start).log_full(ROWS))
    assert full == pytest.approx(start + EPOCHS * takes(ROWS), rel=0.1)


@pytest.mark.parametrize("start", [0.0, 30.0])
def test_the_epoch_that_is_reached_is_right(start):
    reached = cost_of(start=start).reached(ROWS, 400.0)
    assert reached == pytest.approx(np.clip((400.0 - start) / takes(ROWS), 1, EPOCHS), rel=0.1)


def test_time_in_which_nothing_can_be_trained_is_as_good_as_any():
    cost = cost_of()
    assert cost.reached(ROWS, 10.0) == pytest.approx(EPOCHS)
    assert cost.reached(ROWS, 60.0)[2] < 10


def test_it_knows_nothing_before_a_trial_has_ended():
    cost = TrainingCost(EPOCHS)
    assert cost.reached(ROWS, 1.0) == pytest.approx(EPOCHS) and cost.log_full(ROWS) == pytest.approx(0.0)


def test_what_was_never_seen_is_not_believed():
    cost, rng = TrainingCost(EPOCHS), generator(3)
    for trial in range(8):
        features = np.array([0.4 + 0.02 * trial, *rng.random(2)])
        cost.observe(trial, features, EPOCHS, EPOCHS * takes(features))
    least, most = EPOCHS * takes(np.array([[0.4], [0.54]]))
    full = np.exp(cost.log_full(np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])))
    assert (full >= 0.99 * least).all() and (full <= 1.01 * most).all()


def test_the_order_in_which_trials_end_changes_nothing():
    first, second, rng = TrainingCost(EPOCHS), TrainingCost(EPOCHS), generator(4)
    trials = [(number, rng.random(3), int(rng.integers(1, EPOCHS))) for number in range(600)]
    for number, features, epochs in trials:
        first.observe(number, features, epochs, epochs * takes(features))
    for number, features, epochs in reversed(trials):
        second.observe(number, features, epochs, epochs * takes(features))
    assert (first.log_full(ROWS) == second.log_full(ROWS)).all()
